"""The 56 permissions and the three system roles.

A permission is `action:resource`. The admin and Django's own views ask in Django's words
(`devices.change_device`); `code_of` translates them.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ACTIONS: dict[str, Promise] = {
    "read": _("See"),
    "write": _("Create and change"),
    "control": _("Control"),
    "acknowledge": _("Acknowledge"),
    "export": _("Export"),
    "provision": _("Provision"),
    "manage": _("Manage"),
    "delete": _("Delete"),
}

# resource: its name, what viewers may, what operators may more, what administrators may more
_TABLE: dict[str, tuple[Promise, str, str, str]] = {
    "site": (_("Sites"), "read", "write", "delete"),
    "gateway": (_("Gateways"), "read", "write", "delete"),
    "device": (_("Devices"), "read", "write control", "delete provision"),
    "telemetry": (_("Measurements"), "read", "write", "delete"),
    "meter": (_("Meters"), "read", "write", "delete"),
    "tariff": (_("Tariffs"), "read", "", "write delete"),
    "alarm": (_("Alarms"), "read", "write acknowledge", "delete"),
    "automation": (_("Rules"), "read", "write", "delete"),
    "schedule": (_("Schedules"), "read", "write", "delete"),
    "recipe": (_("Recipes"), "read", "write", "delete"),
    "command": (_("Commands"), "read", "", ""),
    "charger": (_("Chargers"), "read", "control", "write delete"),
    "report": (_("Reports"), "read export", "", "write delete"),
    "firmware": (_("Firmware"), "", "", "read write"),
    "member": (_("People"), "", "", "read write delete"),
    "role": (_("Roles"), "", "", "write delete"),
    "key": (_("API keys"), "", "", "read write delete"),
    "share": (_("Shares"), "", "", "write"),
    "audit": (_("Audit trail"), "", "", "read"),
    "customer": (_("Customers"), "", "", "manage"),
    "tenant": (_("Organisation"), "", "", "write"),
}

RESOURCES: dict[str, Promise] = {resource: row[0] for resource, row in _TABLE.items()}


def _codes(columns: slice) -> frozenset[str]:
    return frozenset(
        f"{action}:{resource}"
        for resource, row in _TABLE.items()
        for column in row[1:][columns]
        for action in str(column).split()
    )


SYSTEM_ROLES: dict[str, frozenset[str]] = {
    "viewer": _codes(slice(1)),
    "operator": _codes(slice(2)),
    "admin": _codes(slice(3)),
}
CODES = SYSTEM_ROLES["admin"]

# the model behind a resource has another name
_RESOURCE_OF_MODEL = {
    "channel": "device",
    "virtualchannel": "device",
    "virtualinput": "device",
    "meterterm": "meter",
    "register": "meter",
    "meterinstallation": "meter",
    "registerfeed": "meter",
    "ledgerdecision": "meter",
    "ledgerbooking": "meter",
    "budget": "meter",
    "baseline": "meter",
    "alarmrule": "alarm",
    "alarmruleversion": "alarm",
    "alarmevent": "alarm",
    "watchstate": "alarm",
    "maintenancewindow": "alarm",
    "shelving": "alarm",
    "notificationtarget": "alarm",
    "notificationroute": "alarm",
    "escalationstep": "alarm",
    "oncallrota": "alarm",
    "oncallmember": "alarm",
    "oncallstandin": "alarm",
    "notification": "alarm",
    "notificationmessage": "alarm",
    "deliveryattempt": "alarm",
    "inappnote": "alarm",
    "pushsubscription": "alarm",
    "automationrule": "automation",
    "automationruleversion": "automation",
    "rulestate": "automation",
    "execution": "automation",
    "demandguard": "automation",
    "sheddableload": "automation",
    "demandwindow": "automation",
    "executionstep": "automation",
    "recipephase": "recipe",
    "zonecontrol": "automation",
    "zonerole": "automation",
    "zonecontroller": "automation",
    "zonephase": "automation",
    "modbusbus": "device",
    "modbusunit": "device",
    "serialline": "device",
    "chargepoint": "charger",
    "connector": "charger",
    "idtag": "charger",
    "chargingprice": "charger",
    "chargingsession": "charger",
    "chargingevent": "charger",
    "actuatorstate": "device",
    "interlock": "device",
    "commandsecret": "device",
    "emergencystop": "command",
    "zonelease": "command",
    "commandbatch": "command",
    "commandbatchitem": "command",
    "deviceconfiguration": "device",
    "deviceevent": "device",
    "liveevent": "device",
    "devicecertificate": "device",
    "shutout": "device",
    "claim": "device",
    "onboardingtoken": "device",
    "devicetransfer": "device",
    "provisioningpolicy": "device",
    "reportedconfiguration": "device",
    "zigbeebridge": "device",
    "zigbeenode": "device",
    "pendingzigbeeclaim": "device",
    "gatewaysharetoken": "device",
    "firmwarerelease": "firmware",
    "firmwarekey": "firmware",
    "campaign": "firmware",
    "campaigntarget": "firmware",
    "zone": "site",
    "tariffversion": "tariff",
    "tariffassignment": "tariff",
    "priceseries": "tariff",
    "price": "tariff",
    "billingperiod": "tariff",
    "costline": "tariff",
    "costmonth": "tariff",
    "coststate": "tariff",
    "costcentre": "tariff",
    "allocationkey": "tariff",
    "allocationshare": "tariff",
    "latestvalue": "telemetry",
    "exportjob": "report",
    "reporttemplate": "report",
    "reportrun": "report",
    "delivery": "report",
    "recipient": "report",
    "importjob": "telemetry",
    "importproblem": "telemetry",
    "devicesequence": "telemetry",
    "sequencegap": "telemetry",
    "samplecorrection": "telemetry",
    "annotation": "telemetry",
    "channelday": "telemetry",
    "membership": "member",
    "invitation": "member",
    "apikey": "key",
    "auditevent": "audit",
    "deviceuserpermission": "share",
    "devicetenantpermission": "share",
    "siteuserpermission": "share",
    "sitetenantpermission": "share",
}
_ACTION_OF_DJANGO = {"view": "read", "add": "write", "change": "write", "delete": "delete"}


# who has one of these decides what others may do
ADMINISTERING = frozenset({"write:member", "write:role"})


def code_of(permission: str) -> str | None:
    """Return the code of a permission in our words or in Django's; None if there is none.

    >>> code_of("read:device"), code_of("devices.change_channel")
    ('read:device', 'write:device')
    """
    if permission in CODES:
        return permission
    _app, _dot, codename = permission.partition(".")
    verb, _underscore, model = codename.partition("_")
    action = _ACTION_OF_DJANGO.get(verb, verb)
    resource = _RESOURCE_OF_MODEL.get(model, model)
    if resource == "role" and action == "read":
        resource = "member"
    if resource == "share" and action in {"read", "delete"}:
        action = "write"
    code = f"{action}:{resource}"
    return code if code in CODES else None
