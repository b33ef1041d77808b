"""The addresses of instances, and the sockets that listen there."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Network

import pytest

from pulumi_cortecs.simulator.instance_ports import OWN, SHARED, InstancePorts

NOT_OURS = IPv4Network("203.0.113.0/24")
"""Addresses that no machine has."""


@pytest.fixture
def ports() -> Iterator[InstancePorts]:
    with closing(InstancePorts(network=NOT_OURS)) as ports:
        yield ports


def is_open(host: str, port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((host, port)) == 0


def test_where_no_own_address_can_be_bound_ports_are_mapped(ports: InstancePorts) -> None:
    address = ports.open("id", [8000, 80])
    assert address.ip == SHARED
    assert set(address.mapped) == {8000, 80}
    assert all(is_open(SHARED, port) and ports.owner(SHARED, port) == "id" for port in address.ports.values())
    ports.release("id")
    assert not any(is_open(SHARED, port) or ports.owner(SHARED, port) for port in address.ports.values())


def test_the_same_id_has_the_same_address_unless_it_is_taken(ports: InstancePorts) -> None:
    first = ports.open("id", [8000])
    with closing(InstancePorts(network=NOT_OURS)) as others:
        second = others.open("id", [8000])
    assert second != first
    ports.release("id")
    assert ports.open("id", [8000]) == first


def test_what_is_not_bound_has_an_address_all_the_same() -> None:
    ports = InstancePorts(is_bound=False)
    address = ports.open("id", [8000, 80])
    assert IPv4Network(address.ip).subnet_of(OWN)
    assert (address.ports[8000], set(address.mapped)) == (8000, {80})
    assert ports.owner(address.ip, 8000) is None


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have 127.0.0.1 only")
def test_an_address_that_is_never_free_is_an_error() -> None:
    with closing(InstancePorts(network=IPv4Network("127.0.0.4/30"))) as ports:
        both = {ports.open(instance_id, [18231]).ip for instance_id in ("one", "two")}
        assert both == {"127.0.0.5", "127.0.0.6"}
        with pytest.raises(OSError, match="no free address for the ports 18231 of an instance"):
            ports.open("three", [18231])
