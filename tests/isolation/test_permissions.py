"""Which permission each route asks for, said a second time.

The matrix takes the permission from the view itself, and would believe a view that asks for
less than before.
"""

from __future__ import annotations

from tests.isolation.needs_of_alarm_rules import NEEDS_OF_ALARM_RULES
from tests.isolation.needs_of_alarms import NEEDS_OF_ALARMS
from tests.isolation.needs_of_automation_rules import NEEDS_OF_AUTOMATION_RULES
from tests.isolation.needs_of_automation_schedules import NEEDS_OF_SCHEDULES
from tests.isolation.needs_of_charging import NEEDS_OF_CHARGING
from tests.isolation.needs_of_energy import NEEDS_OF_ENERGY
from tests.isolation.needs_of_guards import NEEDS_OF_GUARDS
from tests.isolation.needs_of_notifications import NEEDS_OF_NOTIFICATIONS
from tests.isolation.needs_of_zones import NEEDS_OF_ZONES
from tests.isolation.surfaces import SURFACES

# lines are "route" or "METHOD route"
NEEDS = {
    "read:device": """
        devices/<uuid:device_id>/calculated
        GET api/v1/virtual-channels
        HEAD api/v1/virtual-channels
        GET api/v1/virtual-channels/<uuid:virtual_id>
        HEAD api/v1/virtual-channels/<uuid:virtual_id>
        zigbee
        gateways/<uuid:gateway_id>/zigbee
        gateways/<uuid:gateway_id>/zigbee/state
        api/v1/gateways/<uuid:gateway_id>/zigbee
        <home>
        devices/<uuid:device_id>
        fleet
        GET api/v1/devices
        HEAD api/v1/devices
        GET api/v1/devices/<uuid:device_id>
        HEAD api/v1/devices/<uuid:device_id>
        api/v1/devices/<uuid:device_id>/events
        api/v1/devices/<uuid:device_id>/wire
        api/v1/events
        GET api/v1/devices/<uuid:device_id>/configuration
        GET api/v1/devices/<uuid:device_id>/certificates
        HEAD api/v1/devices/<uuid:device_id>/certificates
        devices/<uuid:device_id>/certificates
        devices/<uuid:device_id>/configuration
        api/v1/devices/<uuid:device_id>/commands/offered
    """,
    "read:command": """
        commands
        commands/<uuid:command_id>
        devices/<uuid:device_id>/commands
        devices/<uuid:device_id>/commands/recent
        batches
        batches/<uuid:batch_id>
        batches/<uuid:batch_id>/progress
        emergency-stops
        GET api/v1/devices/<uuid:device_id>/commands
        HEAD api/v1/devices/<uuid:device_id>/commands
        api/v1/commands
        api/v1/commands/<uuid:command_id>
        GET api/v1/batches
        HEAD api/v1/batches
        api/v1/batches/<uuid:batch_id>
        GET api/v1/emergency-stops
        HEAD api/v1/emergency-stops
    """,
    "control:device": """
        commands/<uuid:command_id>/cancel
        batches/new
        batches/<uuid:batch_id>/cancel
        batches/<uuid:batch_id>/retry
        emergency-stops/press
        emergency-stops/<uuid:stop_id>/release
        POST api/v1/devices/<uuid:device_id>/commands
        api/v1/commands/<uuid:command_id>/cancel
        POST api/v1/batches
        api/v1/batches/preview
        api/v1/batches/<uuid:batch_id>/cancel
        api/v1/batches/<uuid:batch_id>/retry
        POST api/v1/emergency-stops
        api/v1/emergency-stops/<uuid:stop_id>/release
    """,
    "provision:device": """
        gateways/<uuid:gateway_id>/announced/register
        gateways/<uuid:gateway_id>/zigbee/join
        gateways/<uuid:gateway_id>/zigbee/share
        zigbee/claims/<uuid:zigbee_claim_id>/accept
        zigbee/claims/<uuid:zigbee_claim_id>/refuse
        zigbee/nodes/<uuid:zigbee_node_id>/rename
        zigbee/nodes/<uuid:zigbee_node_id>/remove
        zigbee/tokens/<uuid:pairing_token_id>/revoke
        api/v1/gateways/<uuid:gateway_id>/zigbee/permit-join
        api/v1/gateways/<uuid:gateway_id>/zigbee/pairing-tokens
        api/v1/zigbee/claims/<uuid:zigbee_claim_id>/accept
        api/v1/zigbee/claims/<uuid:zigbee_claim_id>/refuse
        api/v1/zigbee/nodes/<uuid:zigbee_node_id>
        api/v1/zigbee/pairing-tokens/<uuid:pairing_token_id>
        POST api/v1/devices/<uuid:device_id>/certificates
        api/v1/devices/<uuid:device_id>/certificates/<str:serial>/renew
        api/v1/devices/<uuid:device_id>/certificates/<str:serial>/revoke
        devices/<uuid:device_id>/certificates/<str:serial>/revoke
        devices/<uuid:device_id>/shut-out
        api/v1/devices/<uuid:device_id>/command-secret
        api/v1/devices/<uuid:device_id>/decommission
        api/v1/devices/<uuid:device_id>/onboarding-token
        api/v1/devices/<uuid:device_id>/shut-out
        api/v1/devices/<uuid:device_id>/swap
        api/v1/devices/<uuid:device_id>/transfer
        api/v1/provisioning/claims
        api/v1/provisioning/claims/<uuid:claim_id>
        api/v1/provisioning/fleet
        api/v1/provisioning/nodes
        api/v1/provisioning/policy
        api/v1/provisioning/transfers/<uuid:transfer_id>
        api/v1/provisioning/transfers/accept
        provisioning/
        provisioning/claim
        provisioning/claim/place
        provisioning/claims/<uuid:claim_id>
        provisioning/claims/<uuid:claim_id>/cancel
        provisioning/claims/<uuid:claim_id>/steps
        provisioning/devices/<uuid:device_id>/decommission
        provisioning/devices/<uuid:device_id>/label
        provisioning/devices/<uuid:device_id>/swap
        provisioning/devices/<uuid:device_id>/token
        provisioning/devices/<uuid:device_id>/transfer
        provisioning/devices/new
        provisioning/fleet
        provisioning/fleet.csv
        provisioning/node
        provisioning/policy
        provisioning/transfers/<uuid:transfer_id>/withdraw
        provisioning/transfers/accept
    """,
    "write:device": """
        devices/<uuid:device_id>/calculated/new
        devices/<uuid:device_id>/calculated/<uuid:virtual_id>/remove
        POST api/v1/virtual-channels
        PUT api/v1/virtual-channels/<uuid:virtual_id>
        DELETE api/v1/virtual-channels/<uuid:virtual_id>
        POST api/v1/devices
        PATCH api/v1/devices/<uuid:device_id>
        devices/<uuid:device_id>/edit
        devices/<uuid:device_id>/maintenance
        devices/<uuid:device_id>/configuration/revert
        api/v1/devices/<uuid:device_id>/maintenance
        PUT api/v1/devices/<uuid:device_id>/configuration
        api/v1/devices/<uuid:device_id>/configuration/revert
    """,
    "delete:device": """
        DELETE api/v1/devices/<uuid:device_id>
    """,
    "read:site": """
        GET api/v1/sites
        HEAD api/v1/sites
        GET api/v1/sites/<uuid:site_id>
        HEAD api/v1/sites/<uuid:site_id>
        GET api/v1/zones
        HEAD api/v1/zones
        GET api/v1/zones/<uuid:zone_id>
        HEAD api/v1/zones/<uuid:zone_id>
    """,
    "write:site": """
        POST api/v1/sites
        PATCH api/v1/sites/<uuid:site_id>
        POST api/v1/zones
        PATCH api/v1/zones/<uuid:zone_id>
    """,
    "delete:site": """
        DELETE api/v1/sites/<uuid:site_id>
        DELETE api/v1/zones/<uuid:zone_id>
    """,
    "read:gateway": """
        GET api/v1/gateways
        HEAD api/v1/gateways
        GET api/v1/gateways/<uuid:gateway_id>
        HEAD api/v1/gateways/<uuid:gateway_id>
    """,
    "write:gateway": """
        POST api/v1/gateways
        PATCH api/v1/gateways/<uuid:gateway_id>
    """,
    "delete:gateway": """
        DELETE api/v1/gateways/<uuid:gateway_id>
    """,
    "read:telemetry": """
        api/v1/devices/<uuid:device_id>/latest
        api/v1/devices/<uuid:device_id>/quality
        GET api/v1/devices/<uuid:device_id>/corrections
        HEAD api/v1/devices/<uuid:device_id>/corrections
        api/v1/sites/<uuid:site_id>/quality
        GET api/v1/sites/<uuid:site_id>/annotations
        HEAD api/v1/sites/<uuid:site_id>/annotations
        api/v1/sites/<uuid:site_id>/quality/devices
        quality
        api/v1/live/ticket
        api/v1/events/stream
        api/v1/latest
        api/v1/telemetry/query
        data/imports
        data/imports/<uuid:import_id>
        data/imports/<uuid:import_id>/progress
        data/imports/<uuid:import_id>/refused.csv
        GET api/v1/imports
        HEAD api/v1/imports
        GET api/v1/imports/<uuid:import_id>
        HEAD api/v1/imports/<uuid:import_id>
        api/v1/imports/<uuid:import_id>/preview
        api/v1/imports/<uuid:import_id>/problems
        explore
        explore/channels
    """,
    "delete:telemetry": """
        rejected/<str:group_key>/discard
        api/v1/rejected/<str:group_key>/discard
    """,
    "write:telemetry": """
        data/imports/new
        data/imports/<uuid:import_id>/settings
        data/imports/<uuid:import_id>/cancel
        POST api/v1/imports
        PATCH api/v1/imports/<uuid:import_id>
        api/v1/imports/<uuid:import_id>/content
        api/v1/imports/<uuid:import_id>/start
        api/v1/imports/<uuid:import_id>/cancel
        devices/<uuid:device_id>/quality/readings
        devices/<uuid:device_id>/quality/corrections
        devices/<uuid:device_id>/quality/request
        energy/notes
        energy/notes/<uuid:annotation_id>/delete
        POST api/v1/sites/<uuid:site_id>/annotations
        PATCH api/v1/annotations/<uuid:annotation_id>
        DELETE api/v1/annotations/<uuid:annotation_id>
        rejected
        rejected/<str:group_key>
        rejected/<str:group_key>/progress
        rejected/<str:group_key>/replay
        api/v1/rejected
        api/v1/rejected/<str:group_key>
        api/v1/rejected/<str:group_key>/replay
        api/v1/devices/<uuid:device_id>/quality/request
        api/v1/devices/<uuid:device_id>/readings
        POST api/v1/devices/<uuid:device_id>/corrections
        POST api/v1/ingest
    """,
    "export:report": """
        api/v1/exports
        api/v1/exports/<uuid:export_id>
        api/v1/exports/<uuid:export_id>/file
        explore/exports
        explore/exports/<uuid:export_id>/delete
    """,
    "read:member": """
        settings/people
        settings/roles
        settings/why
        api/v1/members
        GET api/v1/members/<uuid:member_id>
        GET api/v1/roles
        GET api/v1/roles/<uuid:role_id>
    """,
    "write:member": """
        settings/people/invite
        settings/people/<uuid:membership_id>/role
        settings/invitations/<uuid:invitation_id>/resend
        settings/invitations/<uuid:invitation_id>/revoke
        PATCH api/v1/members/<uuid:member_id>
        GET api/v1/invitations
        POST api/v1/invitations
        DELETE api/v1/invitations/<uuid:invitation_id>
        POST api/v1/invitations/<uuid:invitation_id>/resend
    """,
    "delete:member": """
        settings/people/<uuid:membership_id>/remove
        DELETE api/v1/members/<uuid:member_id>
    """,
    "write:role": """
        settings/roles/new
        settings/roles/<uuid:role_id>
        POST api/v1/roles
        PATCH api/v1/roles/<uuid:role_id>
    """,
    "delete:role": """
        settings/roles/<uuid:role_id>/delete
        DELETE api/v1/roles/<uuid:role_id>
    """,
    "read:key": """
        settings/keys
        GET api/v1/keys
        HEAD api/v1/keys
    """,
    "write:key": """
        settings/keys/new
        settings/keys/<uuid:key_id>/rotate
        POST api/v1/keys
        api/v1/keys/<uuid:key_id>/rotate
    """,
    "delete:key": """
        settings/keys/<uuid:key_id>/revoke
        api/v1/keys/<uuid:key_id>
    """,
    "read:audit": """
        settings/audit
        settings/audit/history
        api/v1/audit
        api/v1/audit/history
    """,
    "read:firmware": """
        firmware
        firmware/keys
        campaigns
        campaigns/<uuid:campaign_id>
        campaigns/<uuid:campaign_id>/progress
        GET api/v1/firmware/releases
        HEAD api/v1/firmware/releases
        api/v1/firmware/releases/<uuid:release_id>
        GET api/v1/firmware/published
        HEAD api/v1/firmware/published
        GET api/v1/firmware/keys
        HEAD api/v1/firmware/keys
        GET api/v1/campaigns
        HEAD api/v1/campaigns
        api/v1/campaigns/<uuid:campaign_id>
        api/v1/campaigns/<uuid:campaign_id>/targets
    """,
    "write:firmware": """
        firmware/upload
        firmware/adopt
        firmware/keys/new
        firmware/keys/<uuid:vendor_key_id>/revoke
        firmware/<uuid:release_id>/withdraw
        campaigns/new
        campaigns/<uuid:campaign_id>/pause
        campaigns/<uuid:campaign_id>/resume
        campaigns/<uuid:campaign_id>/cancel
        POST api/v1/firmware/releases
        api/v1/firmware/releases/<uuid:release_id>/withdraw
        POST api/v1/firmware/published
        POST api/v1/firmware/keys
        api/v1/firmware/keys/<uuid:vendor_key_id>/revoke
        POST api/v1/campaigns
        api/v1/campaigns/preview
        api/v1/campaigns/<uuid:campaign_id>/pause
        api/v1/campaigns/<uuid:campaign_id>/resume
        api/v1/campaigns/<uuid:campaign_id>/cancel
    """,
    "write:share": """
        settings/shares
        settings/shares/new
        settings/shares/revoke-all
        settings/shares/<uuid:share_id>/extend
        settings/shares/<uuid:share_id>/revoke
        api/v1/shares
        api/v1/shares/<uuid:share_id>
    """,
}


WANTED = {
    line.strip(): code
    for code, lines in (
        *NEEDS.items(),
        *NEEDS_OF_ALARMS.items(),
        *NEEDS_OF_NOTIFICATIONS.items(),
        *NEEDS_OF_ALARM_RULES.items(),
        *NEEDS_OF_ZONES.items(),
        *NEEDS_OF_AUTOMATION_RULES.items(),
        *NEEDS_OF_SCHEDULES.items(),
        *NEEDS_OF_ENERGY.items(),
        *NEEDS_OF_GUARDS.items(),
        *NEEDS_OF_CHARGING.items(),
    )  # fmt: skip
    for line in lines.strip().splitlines()
}
ASKED = {
    f"{method} {surface.route or '<home>'}".strip(): code
    for surface in SURFACES
    for method, code in surface.codes
}


def test_every_route_asks_for_the_permission_it_should():
    assert {route: ASKED.get(route) for route in WANTED} == WANTED


def test_no_route_is_left_out():
    assert sorted(ASKED.keys() - WANTED.keys()) == [], "Say in NEEDS what a new route asks for."
