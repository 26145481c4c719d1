"""URLs that lead to our own network, or would on a careless parser."""

from __future__ import annotations

_HOSTS = """
127.0.0.1 127.0.0.1. 127.1 127.0.1 0x7f.1 0x7f.0.0.1 0x7f000001 2130706433 017700000001
0177.0.0.1 0177.1 0 0.0.0.0 127.127.127.127 127.0.0.01 1.1 00000127.0.0.1 0x7f.0x0.0x0.0x1
10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.100.100.200 198.18.0.1
169.254.169.254 0xa9fea9fe 2852039166 169.254.43518 168.63.129.16 192.0.0.192 192.0.2.1
224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 192.88.99.1 [::1] [::] [0:0:0:0:0:0:0:1]
[::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:169.254.169.254] [::127.0.0.1] [64:ff9b::7f00:1]
[64:ff9b::169.254.169.254] [2002:7f00:1::] [2001::7f00:1] [fe80::1] [fe80::1%25eth0] [::1%25lo]
[fc00::1] [fd00:ec2::254] [ff02::1] [fec0::1] [2001:db8::1] [::ffff:8.8.8.8] １２７.０.０.１
①②⑦.⓪.⓪.① 127。0。0。1 localhost localhost. LOCALHOST sub.localhost metadata.google.internal
rebind.example two-faces.example six.example mapped.example empty..example -x.example
ex%61mple.com
"""

HOSTILE_URLS = [f"http://{host}/" for host in _HOSTS.split()] + [
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/",
    "ldap://example.com/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "HTTP+unix://x/",
    "//127.0.0.1/",
    "/admin/",
    "",
    "http://",
    "http:///x",
    "http:127.0.0.1",
    "http://user:pw@public.example/",
    "http://public.example@127.0.0.1/",
    "http://127.0.0.1\\@public.example/",
    "http://public.example\\@127.0.0.1/",
    "http://127.0.0.1#@public.example/",
    "http://127.0.0.1:80?@public.example",
    "http://public.example:22/",
    "http://public.example:6379x/",
    "http://public.example:99999/",
    "http://public.example:-1/",
    "http://public.example:25/",
    "http://public.example/\r\nX-Injected: 1",
    "http://public.example\r\nHost: x/",
    "http://public.example/ HTTP/1.1\r\n\r\nGET /",
    "http://public.example/\x00",
    " http://[::1]/",
    "http://pub\tlic.example/",
    "http://[::1",
    "http://[public.example]/",
    "http://[v1.x]/",
    "http://public.example/" + "a" * 3000,
]
