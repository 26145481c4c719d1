"""Tables of history, filled by triggers; nobody changes a row, and few may be forgotten."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


# What was written more than two years ago may go, and what belongs to a tenant or person who is
# being erased: the transaction names the id, and the tenant is suspended or the person gone.
MAY_FORGET = """
CREATE FUNCTION accounts_may_forget(source text, change jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    erasing text := current_setting('energy.erasing', true);
BEGIN
    IF (change->>'pgh_created_at')::timestamptz < now() - interval '2 years' THEN
        RETURN true;
    END IF;
    IF coalesce(erasing, '') = '' THEN
        RETURN false;
    END IF;
    IF source = 'accounts_userchange' THEN
        RETURN change->>'pgh_obj_id' = erasing
            AND NOT EXISTS (SELECT FROM accounts_user WHERE id = erasing::uuid);
    END IF;
    RETURN (
        erasing IN (change->>'tenant_id', change->>'grantee_id', change->>'parent_id')
        OR (source = 'accounts_tenantchange' AND change->>'pgh_obj_id' = erasing)
    ) AND NOT EXISTS (SELECT FROM accounts_tenant WHERE id = erasing::uuid AND is_active);
END
$$
"""
FORGET_NOTHING = "DROP FUNCTION accounts_may_forget(text, jsonb)"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_may_impersonate'),
    ]

    operations = [
        migrations.RunSQL(MAY_FORGET, FORGET_NOTHING),
        migrations.CreateModel(
            name='ApiKeyChange',
            fields=[
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('name', models.CharField(help_text='What uses it.', max_length=80, verbose_name='name')),
                ('prefix', models.CharField(editable=False, max_length=16, verbose_name='prefix')),
                ('codes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None, verbose_name='permissions')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires')),
                ('revoked_at', models.DateTimeField(editable=False, null=True, verbose_name='revoked')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='InvitationChange',
            fields=[
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail address')),
                ('role', models.CharField(blank=True, choices=[('admin', 'Administrator'), ('operator', 'Operator'), ('viewer', 'Viewer')], default='viewer', max_length=10, verbose_name='role')),
                ('expires_at', models.DateTimeField(verbose_name='expires')),
                ('accepted_at', models.DateTimeField(editable=False, null=True, verbose_name='accepted')),
                ('revoked_at', models.DateTimeField(editable=False, null=True, verbose_name='revoked')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='MembershipChange',
            fields=[
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('role', models.CharField(blank=True, choices=[('admin', 'Administrator'), ('operator', 'Operator'), ('viewer', 'Viewer')], default='viewer', max_length=10, verbose_name='role')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='PlanChange',
            fields=[
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('max_devices', models.PositiveIntegerField(default=500, verbose_name='devices')),
                ('messages_per_second', models.PositiveIntegerField(default=200, help_text='Of all gateways together, as an average over ten seconds.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='messages a second')),
                ('api_calls_per_minute', models.PositiveIntegerField(default=600, help_text='Of all people and keys together.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='API calls a minute')),
                ('retention_days', models.PositiveIntegerField(default=730, help_text='How long single samples are kept.', validators=[django.core.validators.MinValueValidator(7)], verbose_name='retention, days')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='RoleChange',
            fields=[
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('description', models.CharField(blank=True, max_length=200, verbose_name='description')),
                ('codes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None, verbose_name='permissions')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='TenantChange',
            fields=[
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('slug', models.SlugField(db_index=False, help_text='Stands in file names.', verbose_name='short name')),
                ('is_reseller', models.BooleanField(default=False, verbose_name='is a reseller')),
                ('requires_mfa', models.BooleanField(default=False, help_text='Members must set up a second factor before they can work in it.', verbose_name='second factor required')),
                ('is_active', models.BooleanField(default=True, help_text='Members of an inactive tenant cannot work in it.', verbose_name='active')),
                ('suspended_at', models.DateTimeField(editable=False, null=True, verbose_name='suspended')),
                ('suspension_reason', models.CharField(blank=True, editable=False, max_length=200, verbose_name='reason of the suspension')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='UserChange',
            fields=[
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('pgh_context_id', models.UUIDField(null=True)),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail address')),
                ('name', models.CharField(blank=True, max_length=150, verbose_name='name')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('is_staff', models.BooleanField(default=False, help_text='May use the admin of the platform.', verbose_name='platform staff')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_apikeychange" ("codes", "created_by_id", "expires_at", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "replaces_id", "revoked_at", "tenant_id") VALUES (NEW."codes", NEW."created_by_id", NEW."expires_at", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."prefix", NEW."replaces_id", NEW."revoked_at", NEW."tenant_id"); RETURN NULL;', hash='96ff71c3ecd03ab5bf6efe3bac11a95adcbc10da', operation='INSERT', pgid='pgtrigger_insert_insert_1ed31', table='accounts_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."codes" IS DISTINCT FROM (NEW."codes") OR OLD."created_by_id" IS DISTINCT FROM (NEW."created_by_id") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."prefix" IS DISTINCT FROM (NEW."prefix") OR OLD."replaces_id" IS DISTINCT FROM (NEW."replaces_id") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id"))', func='INSERT INTO "accounts_apikeychange" ("codes", "created_by_id", "expires_at", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "replaces_id", "revoked_at", "tenant_id") VALUES (OLD."codes", OLD."created_by_id", OLD."expires_at", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', OLD."id", OLD."prefix", OLD."replaces_id", OLD."revoked_at", OLD."tenant_id"); RETURN NULL;', hash='b276fea5da538a82f712b26255fa1ad53d86af0d', operation='UPDATE', pgid='pgtrigger_update_update_1c34c', table='accounts_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_apikeychange" ("codes", "created_by_id", "expires_at", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "replaces_id", "revoked_at", "tenant_id") VALUES (OLD."codes", OLD."created_by_id", OLD."expires_at", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."prefix", OLD."replaces_id", OLD."revoked_at", OLD."tenant_id"); RETURN NULL;', hash='1716aad0514186b0136026349544073826781dc0', operation='DELETE', pgid='pgtrigger_delete_delete_18c5d', table='accounts_apikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invitation',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_invitationchange" ("accepted_at", "custom_role_id", "email", "expires_at", "invited_by_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "role", "tenant_id") VALUES (NEW."accepted_at", NEW."custom_role_id", NEW."email", NEW."expires_at", NEW."invited_by_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."revoked_at", NEW."role", NEW."tenant_id"); RETURN NULL;', hash='19b5cc26aa877d1dbcf287c69bc9893ce6773d3e', operation='INSERT', pgid='pgtrigger_insert_insert_8c354', table='accounts_invitation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invitation',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."accepted_at" IS DISTINCT FROM (NEW."accepted_at") OR OLD."custom_role_id" IS DISTINCT FROM (NEW."custom_role_id") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."invited_by_id" IS DISTINCT FROM (NEW."invited_by_id") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."role" IS DISTINCT FROM (NEW."role") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id"))', func='INSERT INTO "accounts_invitationchange" ("accepted_at", "custom_role_id", "email", "expires_at", "invited_by_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "role", "tenant_id") VALUES (OLD."accepted_at", OLD."custom_role_id", OLD."email", OLD."expires_at", OLD."invited_by_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', OLD."id", OLD."revoked_at", OLD."role", OLD."tenant_id"); RETURN NULL;', hash='f0d0a26fe503dc9d9718f090856d9c4f3f30fa4f', operation='UPDATE', pgid='pgtrigger_update_update_4e12d', table='accounts_invitation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invitation',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_invitationchange" ("accepted_at", "custom_role_id", "email", "expires_at", "invited_by_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "role", "tenant_id") VALUES (OLD."accepted_at", OLD."custom_role_id", OLD."email", OLD."expires_at", OLD."invited_by_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."revoked_at", OLD."role", OLD."tenant_id"); RETURN NULL;', hash='7bea5cbff8f419c307922c99e9b8f1eb53f58329', operation='DELETE', pgid='pgtrigger_delete_delete_f2c14', table='accounts_invitation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='membership',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_membershipchange" ("custom_role_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role", "tenant_id", "user_id") VALUES (NEW."custom_role_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."role", NEW."tenant_id", NEW."user_id"); RETURN NULL;', hash='f2adc11821bb3b9e641104645b13bf0673603664', operation='INSERT', pgid='pgtrigger_insert_insert_fc05a', table='accounts_membership', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='membership',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."custom_role_id" IS DISTINCT FROM (NEW."custom_role_id") OR OLD."role" IS DISTINCT FROM (NEW."role") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."user_id" IS DISTINCT FROM (NEW."user_id"))', func='INSERT INTO "accounts_membershipchange" ("custom_role_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role", "tenant_id", "user_id") VALUES (OLD."custom_role_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', OLD."id", OLD."role", OLD."tenant_id", OLD."user_id"); RETURN NULL;', hash='62cbe3e469f4329e432d427384d2be23292b72d5', operation='UPDATE', pgid='pgtrigger_update_update_20ab5', table='accounts_membership', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='membership',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_membershipchange" ("custom_role_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role", "tenant_id", "user_id") VALUES (OLD."custom_role_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."role", OLD."tenant_id", OLD."user_id"); RETURN NULL;', hash='bf4f216e48d52f0773040c6f52d7ab897832eb2d', operation='DELETE', pgid='pgtrigger_delete_delete_19a8f', table='accounts_membership', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_planchange" ("api_calls_per_minute", "max_devices", "messages_per_second", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "retention_days") VALUES (NEW."api_calls_per_minute", NEW."max_devices", NEW."messages_per_second", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."retention_days"); RETURN NULL;', hash='3053a70b10874322caa3aae616934ee5f7dc643d', operation='INSERT', pgid='pgtrigger_insert_insert_6cf77', table='accounts_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."api_calls_per_minute" IS DISTINCT FROM (NEW."api_calls_per_minute") OR OLD."max_devices" IS DISTINCT FROM (NEW."max_devices") OR OLD."messages_per_second" IS DISTINCT FROM (NEW."messages_per_second") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."retention_days" IS DISTINCT FROM (NEW."retention_days"))', func='INSERT INTO "accounts_planchange" ("api_calls_per_minute", "max_devices", "messages_per_second", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "retention_days") VALUES (OLD."api_calls_per_minute", OLD."max_devices", OLD."messages_per_second", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', OLD."id", OLD."retention_days"); RETURN NULL;', hash='c4022708e1e6c959635ca9b73b3430936b8f7b79', operation='UPDATE', pgid='pgtrigger_update_update_00de9', table='accounts_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='plan',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_planchange" ("api_calls_per_minute", "max_devices", "messages_per_second", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "retention_days") VALUES (OLD."api_calls_per_minute", OLD."max_devices", OLD."messages_per_second", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."retention_days"); RETURN NULL;', hash='2a8a757da2525a912a8c91d2fdac0e40d3eb82d8', operation='DELETE', pgid='pgtrigger_delete_delete_ca3bd', table='accounts_plan', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='role',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_rolechange" ("codes", "description", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "tenant_id") VALUES (NEW."codes", NEW."description", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."tenant_id"); RETURN NULL;', hash='8a38d5ce246fff9b54af4e2021163ae155a41485', operation='INSERT', pgid='pgtrigger_insert_insert_d9a3a', table='accounts_role', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='role',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."codes" IS DISTINCT FROM (NEW."codes") OR OLD."description" IS DISTINCT FROM (NEW."description") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id"))', func='INSERT INTO "accounts_rolechange" ("codes", "description", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "tenant_id") VALUES (OLD."codes", OLD."description", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', OLD."id", OLD."tenant_id"); RETURN NULL;', hash='aedcb9dbf2b567aecbc5e3e83f72edd4ebdd1b1c', operation='UPDATE', pgid='pgtrigger_update_update_023a0', table='accounts_role', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='role',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_rolechange" ("codes", "description", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "tenant_id") VALUES (OLD."codes", OLD."description", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."tenant_id"); RETURN NULL;', hash='f2cdc326adfcacbce1797aa14ff943699c487544', operation='DELETE', pgid='pgtrigger_delete_delete_d75a6', table='accounts_role', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tenant',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_tenantchange" ("is_active", "is_reseller", "name", "parent_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "requires_mfa", "slug", "suspended_at", "suspension_reason") VALUES (NEW."is_active", NEW."is_reseller", NEW."name", NEW."parent_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."requires_mfa", NEW."slug", NEW."suspended_at", NEW."suspension_reason"); RETURN NULL;', hash='26e40a0456c05774ce3a2600fc5da43cd50da777', operation='INSERT', pgid='pgtrigger_insert_insert_9366d', table='accounts_tenant', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tenant',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_reseller" IS DISTINCT FROM (NEW."is_reseller") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."parent_id" IS DISTINCT FROM (NEW."parent_id") OR OLD."plan_id" IS DISTINCT FROM (NEW."plan_id") OR OLD."requires_mfa" IS DISTINCT FROM (NEW."requires_mfa") OR OLD."slug" IS DISTINCT FROM (NEW."slug") OR OLD."suspended_at" IS DISTINCT FROM (NEW."suspended_at") OR OLD."suspension_reason" IS DISTINCT FROM (NEW."suspension_reason"))', func='INSERT INTO "accounts_tenantchange" ("is_active", "is_reseller", "name", "parent_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "requires_mfa", "slug", "suspended_at", "suspension_reason") VALUES (OLD."is_active", OLD."is_reseller", OLD."name", OLD."parent_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', OLD."id", OLD."plan_id", OLD."requires_mfa", OLD."slug", OLD."suspended_at", OLD."suspension_reason"); RETURN NULL;', hash='7731d0fae35eb9b6ca5e704c4fe7619b14ebf679', operation='UPDATE', pgid='pgtrigger_update_update_c0c6d', table='accounts_tenant', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tenant',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_tenantchange" ("is_active", "is_reseller", "name", "parent_id", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "requires_mfa", "slug", "suspended_at", "suspension_reason") VALUES (OLD."is_active", OLD."is_reseller", OLD."name", OLD."parent_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id", OLD."plan_id", OLD."requires_mfa", OLD."slug", OLD."suspended_at", OLD."suspension_reason"); RETURN NULL;', hash='ef7898c36e6c36b217fb4f873fc7923956613bee', operation='DELETE', pgid='pgtrigger_delete_delete_f603e', table='accounts_tenant', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_userchange" ("email", "is_active", "is_staff", "is_superuser", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."email", NEW."is_active", NEW."is_staff", NEW."is_superuser", NEW."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='d69c680b865cb5453ee8ec422d927abd0e900107', operation='INSERT', pgid='pgtrigger_insert_insert_3867c', table='accounts_user', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_staff" IS DISTINCT FROM (NEW."is_staff") OR OLD."is_superuser" IS DISTINCT FROM (NEW."is_superuser") OR OLD."name" IS DISTINCT FROM (NEW."name"))', func='INSERT INTO "accounts_userchange" ("email", "is_active", "is_staff", "is_superuser", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."email", OLD."is_active", OLD."is_staff", OLD."is_superuser", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'update\', OLD."id"); RETURN NULL;', hash='ba21bde9069348bf1b40dab9aade1c9d3fb21e41', operation='UPDATE', pgid='pgtrigger_update_update_0e890', table='accounts_user', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "accounts_userchange" ("email", "is_active", "is_staff", "is_superuser", "name", "pgh_context", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."email", OLD."is_active", OLD."is_staff", OLD."is_superuser", OLD."name", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_id\', TRUE), \'\'), NULL)::UUID, NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='30f6fee28b84a06b492b42b31bf2be3cbb37b288', operation='DELETE', pgid='pgtrigger_delete_delete_19f14', table='accounts_user', when='AFTER')),
        ),
        migrations.AddField(
            model_name='apikeychange',
            name='created_by',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by'),
        ),
        migrations.AddField(
            model_name='apikeychange',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.apikey'),
        ),
        migrations.AddField(
            model_name='apikeychange',
            name='replaces',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, help_text='The key it was rotated from, which works until its own end.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.apikey', verbose_name='replaces'),
        ),
        migrations.AddField(
            model_name='apikeychange',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.tenant', verbose_name='tenant'),
        ),
        migrations.AddField(
            model_name='invitationchange',
            name='custom_role',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.role', verbose_name='own role'),
        ),
        migrations.AddField(
            model_name='invitationchange',
            name='invited_by',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='invited by'),
        ),
        migrations.AddField(
            model_name='invitationchange',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.invitation'),
        ),
        migrations.AddField(
            model_name='invitationchange',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.tenant', verbose_name='tenant'),
        ),
        migrations.AddField(
            model_name='membershipchange',
            name='custom_role',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.role', verbose_name='own role'),
        ),
        migrations.AddField(
            model_name='membershipchange',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.membership'),
        ),
        migrations.AddField(
            model_name='membershipchange',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.tenant', verbose_name='tenant'),
        ),
        migrations.AddField(
            model_name='membershipchange',
            name='user',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AddField(
            model_name='planchange',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.plan'),
        ),
        migrations.AddField(
            model_name='rolechange',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.role'),
        ),
        migrations.AddField(
            model_name='rolechange',
            name='tenant',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.tenant', verbose_name='tenant'),
        ),
        migrations.AddField(
            model_name='tenantchange',
            name='parent',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='Its people with the right to manage customers may act here.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.tenant', verbose_name='reseller'),
        ),
        migrations.AddField(
            model_name='tenantchange',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.tenant'),
        ),
        migrations.AddField(
            model_name='tenantchange',
            name='plan',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, help_text='Without a plan nothing is limited.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.plan', verbose_name='plan'),
        ),
        migrations.AddField(
            model_name='userchange',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='apikeychange',
            index=models.Index(fields=['pgh_obj', 'pgh_id'], name='apikey_history'),
        ),
        migrations.AddIndex(
            model_name='apikeychange',
            index=models.Index(fields=['tenant'], name='apikey_by_tenant'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikeychange',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF TG_OP = 'DELETE' AND accounts_may_forget(TG_TABLE_NAME, to_jsonb(OLD)) THEN RETURN OLD; END IF; RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='92f906c1729f542a67e36e5a5ca1bf64cb9c17fc', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f2990', table='accounts_apikeychange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikeychange',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='8de9762a9fa42f4a4cd86acbbda2f16e5ade6656', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_fdb1e', table='accounts_apikeychange', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='invitationchange',
            index=models.Index(fields=['pgh_obj', 'pgh_id'], name='invitation_history'),
        ),
        migrations.AddIndex(
            model_name='invitationchange',
            index=models.Index(fields=['tenant'], name='invitation_by_tenant'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invitationchange',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF TG_OP = 'DELETE' AND accounts_may_forget(TG_TABLE_NAME, to_jsonb(OLD)) THEN RETURN OLD; END IF; RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='5375c51a5728e93f003c80a4d2cd7591783053e4', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_cef33', table='accounts_invitationchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invitationchange',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='022df0c842c0ddb3f61e04e80bca03cbd7590004', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_87db0', table='accounts_invitationchange', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='membershipchange',
            index=models.Index(fields=['pgh_obj', 'pgh_id'], name='membership_history'),
        ),
        migrations.AddIndex(
            model_name='membershipchange',
            index=models.Index(fields=['tenant'], name='membership_by_tenant'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='membershipchange',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF TG_OP = 'DELETE' AND accounts_may_forget(TG_TABLE_NAME, to_jsonb(OLD)) THEN RETURN OLD; END IF; RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='503c83bbfe21795494d7ae3b59f039a6a18b9e15', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_9c170', table='accounts_membershipchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='membershipchange',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='9f28bbb5ff2b2075a4d1c8524ace21bf9c712e3b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_61078', table='accounts_membershipchange', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='planchange',
            index=models.Index(fields=['pgh_obj', 'pgh_id'], name='plan_history'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planchange',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF TG_OP = 'DELETE' AND accounts_may_forget(TG_TABLE_NAME, to_jsonb(OLD)) THEN RETURN OLD; END IF; RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='656ef848395192b5aebf7c819a75baafa3e2f744', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_7db82', table='accounts_planchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='planchange',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='453927a4382262db6ff7933d575bc148e68ea3d2', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1bed0', table='accounts_planchange', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='rolechange',
            index=models.Index(fields=['pgh_obj', 'pgh_id'], name='role_history'),
        ),
        migrations.AddIndex(
            model_name='rolechange',
            index=models.Index(fields=['tenant'], name='role_by_tenant'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rolechange',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF TG_OP = 'DELETE' AND accounts_may_forget(TG_TABLE_NAME, to_jsonb(OLD)) THEN RETURN OLD; END IF; RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='a83fc34493e11b2d1d0d84391753dde38de8d55d', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_33353', table='accounts_rolechange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rolechange',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='b69b31e5c0f06b0b3aaaa87f446bb981ccdb1f9e', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_d6d4f', table='accounts_rolechange', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='tenantchange',
            index=models.Index(fields=['pgh_obj', 'pgh_id'], name='tenant_history'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tenantchange',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF TG_OP = 'DELETE' AND accounts_may_forget(TG_TABLE_NAME, to_jsonb(OLD)) THEN RETURN OLD; END IF; RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='a2d925d0cd85ea29313f6f3ba2cb8681d8896e95', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_b0d26', table='accounts_tenantchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='tenantchange',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='078effd6e13c611567d3381b9e333e0a20f88ae9', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_863f4', table='accounts_tenantchange', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='userchange',
            index=models.Index(fields=['pgh_obj', 'pgh_id'], name='user_history'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='userchange',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF TG_OP = 'DELETE' AND accounts_may_forget(TG_TABLE_NAME, to_jsonb(OLD)) THEN RETURN OLD; END IF; RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='b468f7220cd0d979855feed8becdf0fe2fa8f6b6', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_97b47', table='accounts_userchange', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='userchange',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501';", hash='876e8d2b334856ad0d84d553e07c19bc421d5705', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_1251c', table='accounts_userchange', when='BEFORE')),
        ),
    ]
