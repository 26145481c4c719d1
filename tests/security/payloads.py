"""What attackers put into parameters."""

from __future__ import annotations

# as sqlmap begins: boundaries, tautologies, errors, unions, stacked queries, time, comments
SQL = (
    "'", "''", '"', '""', "`", "\\", "\\'", "')", "'))", '")', "%", "_", "%%", "%s", "%(x)s", "{0}",
    "1'", "1 OR 1=1", "' OR '1'='1", "' OR 1=1--", "' OR 1=1#", "' OR 1=1/*", "') OR ('1'='1",
    '" OR "1"="1', "1' AND '1'='2", "' AND 1=2--", "' AND 8571=8571-- x", "admin'--", "'||'",
    "'||1||'", "' UNION SELECT NULL--", "' UNION SELECT NULL,NULL--",
    "' UNION ALL SELECT version()--", "1 UNION SELECT usename FROM pg_user",
    "'; SELECT pg_sleep(5)--",
    "1; SELECT pg_sleep(5)",
    "' AND 1=(SELECT 1 FROM pg_sleep(5))--", "(SELECT 1 FROM pg_sleep(5))", "1 AND pg_sleep(5)",
    "'||(SELECT pg_sleep(5))||'", "$$;SELECT pg_sleep(5);$$", "'; DROP TABLE devices_device;--",
    "'; COPY (SELECT 1) TO PROGRAM 'id'--", "' AND CAST(version() AS int)=1--",
    "1/0", "1::int", "CAST('a' AS int)", "(CASE WHEN 1=1 THEN 1 ELSE 2 END)", "name,(SELECT 1)",
    "name; --", "name DESC, pg_sleep(5)", "-name' ", "id) DESC--", "name NULLS LAST", "tenant_id",
    "tenant__name", "password", "gateway__broker_password", "__class__", "id__gt", "pk=1",
    "../name", "\x00", "a\x00b", "\ufffd",
    "\u02bc OR 1=1", "\uff07 OR 1=1", "%27 OR 1=1", "%2527", "0x27", "char(39)", "chr(39)||chr(39)",
    "1e309", "-1", "99999999999999999999999", "NaN", "null", "true", "[]", "{}", "*", "(", ")", ";",
    "--", "/*", "/**/", "#", "@@version", "\r\nX: 1", "a" * 199, "ｓｅｌｅｃｔ",
    "waitfor delay '0:0:5'",
)  # fmt: skip
