"""From the entries of the demo file to clients with devices and their models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from devices.simulation.models import EvCharger, GridMeter, HeatPump, Model, PvInverter, Submeter
from devices.simulation.noise import seed_of
from devices.simulation.place import Place
from devices.simulation.sensors import ClimateSensor, ColdStoreSensor, GatewayHealth, WaterMeter

Entry = Mapping[str, Any]

# how many ticks of the simulator lie between two messages of a slow device
_SLOW = {"heat-pump": 3, "cold-store-sensor": 6, "climate-sensor": 6, "water-meter": 6,
         "gateway-health": 6, "relay-board": 6}  # fmt: skip

_MODELS: dict[str, Callable[..., Model]] = {
    "three-phase-meter": Submeter,
    "pv-inverter": PvInverter,
    "heat-pump": HeatPump,
    "ev-charger-meter": EvCharger,
    "cold-store-sensor": ColdStoreSensor,
    "climate-sensor": ClimateSensor,
    "water-meter": WaterMeter,
    "gateway-health": GatewayHealth,
    "relay-board": GatewayHealth,  # what a board tells about itself
}


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """A device, its model, and every how many ticks it reports."""

    id: str
    uid: str
    model: Model
    every: int = 1


@dataclass(frozen=True, slots=True)
class SimulatedClient:
    """One connection to the broker: a gateway with its devices, or a direct device.

    obeys: does what commands say.
    """

    username: str
    password: str
    cert_file: str
    key_file: str
    prefix: str
    dialect: str
    devices: tuple[SimulatedDevice, ...]
    obeys: bool = False

    @property
    def is_gateway(self) -> bool:
        """Tell whether it speaks for several devices and reports its own status."""
        return self.dialect != "direct"


def build_clients(demo: Mapping[str, Any], *, seed: int) -> list[SimulatedClient]:
    """Return every gateway and direct device of the demo file."""
    gateways: Sequence[Entry] = demo.get("gateways", [])
    direct: Sequence[Entry] = demo.get("devices", [])
    models = _build_models(gateways, seed)
    clients = [_gateway_client(gateway, models) for gateway in gateways]
    for entry in direct:
        model = _build_model(entry, _place(entry, seed), seed, entry["uid"])
        client = _client(entry, "direct", [_device(entry, model)])
        clients.append(replace(client, obeys=entry["profile"] == "relay-board"))
    return clients


def _build_models(gateways: Sequence[Entry], seed: int) -> dict[str, Model]:
    """Return the models by device id.

    A grid meter sums up the others of its site, but for those that stand apart.
    """
    models: dict[str, Model] = {}
    behind: dict[tuple[str, str], list[Model]] = {}
    grid_meters = []
    for gateway in gateways:
        site = (gateway["tenant"], gateway["site"])
        for entry in gateway["devices"]:
            if entry["profile"] == "grid-meter":
                grid_meters.append((gateway, entry))
                continue
            model = _build_model(entry, _place(gateway, seed), seed, gateway["uid"])
            models[entry["id"]] = model
            if not entry.get("apart"):
                behind.setdefault(site, []).append(model)
    for gateway, entry in grid_meters:
        models[entry["id"]] = GridMeter(
            place=_place(gateway, seed),
            seed=seed_of(seed, gateway["uid"], entry["uid"]),
            behind=behind.get((gateway["tenant"], gateway["site"]), []),
            **entry["model"],
        )
    return models


def _build_model(entry: Entry, place: Place, seed: int, gateway_uid: str) -> Model:
    return _MODELS[entry["profile"]](
        place=place, seed=seed_of(seed, gateway_uid, entry["uid"]), **entry["model"]
    )


def _place(entry: Entry, seed: int) -> Place:
    return Place(
        seed=seed_of(seed, entry["tenant_slug"], entry["site"]),
        zone=ZoneInfo(entry["timezone"]),
        latitude=entry["latitude"],
        longitude=entry["longitude"],
    )


def _gateway_client(gateway: Entry, models: Mapping[str, Model]) -> SimulatedClient:
    devices = [_device(entry, models[entry["id"]]) for entry in gateway["devices"]]
    return _client(gateway, gateway["dialect"], devices)


def _device(entry: Entry, model: Model) -> SimulatedDevice:
    return SimulatedDevice(entry["id"], entry["uid"], model, _SLOW.get(entry["profile"], 1))


def _client(entry: Entry, dialect: str, devices: Sequence[SimulatedDevice]) -> SimulatedClient:
    return SimulatedClient(
        username=entry["username"],
        password=entry["password"],
        cert_file=entry.get("cert_file", ""),
        key_file=entry.get("key_file", ""),
        prefix=entry["topic_prefix"],
        dialect=dialect,
        devices=tuple(devices),
    )
