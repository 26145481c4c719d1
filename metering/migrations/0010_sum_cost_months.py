"""Sums up the months of the lines that are there."""

from django.db import migrations

# as storage.cost_months does from now on
FILL = """
INSERT INTO metering_cost_month
    (tenant_id, meter_id, month, component, currency, amount, provisional, billed, adjusted,
    unpriced)
SELECT tenant_id, meter_id, date_trunc('month', day::timestamp)::date AS month, component,
    currency,
    coalesce(sum(amount) FILTER (WHERE NOT is_adjustment), 0),
    coalesce(sum(amount) FILTER (WHERE NOT is_adjustment AND is_provisional), 0),
    coalesce(sum(amount) FILTER (WHERE NOT is_adjustment AND period_id IS NOT NULL), 0),
    coalesce(sum(amount) FILTER (WHERE is_adjustment), 0),
    coalesce(sum(missing_quarters) FILTER (WHERE NOT is_adjustment AND band = 'unpriced'), 0)
FROM metering_costline WHERE superseded_at IS NULL
GROUP BY tenant_id, meter_id, month, component, currency
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0009_cost_months")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
