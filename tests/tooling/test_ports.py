from __future__ import annotations

import socket

import pytest

from tools.embedded.ports import FREE_RANGE, Ports, accepts_connections, is_free


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_port_somebody_listens_on_is_not_free(listener):
    port = listener.getsockname()[1]

    assert not is_free(port)
    assert accepts_connections(port)()


def test_a_port_of_all_interfaces_is_not_free():
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_the_usual_port_is_taken_when_it_is_free(listener):
    port = listener.getsockname()[1]
    listener.close()

    assert Ports("usual").take(port) == port


def test_an_occupied_usual_port_falls_back(listener):
    port = listener.getsockname()[1]

    assert Ports("usual").take(port) in FREE_RANGE


def test_free_ports_ignore_the_usual_one(listener):
    port = listener.getsockname()[1]
    listener.close()

    assert Ports("free").take(port) in FREE_RANGE


def test_no_port_is_given_out_twice():
    ports = Ports("free")

    given = [ports.take(1) for _ in range(50)]

    assert len(set(given)) == 50


def test_free_ports_lie_below_the_local_ports_of_outgoing_connections():
    assert max(FREE_RANGE) < 32768
