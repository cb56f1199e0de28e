"""What looks like a secret is taken out of a log, and nothing else."""

from __future__ import annotations

import re
import time
from re import _constants, _parser  # type: ignore[attr-defined]  # no other way to see a pattern's parts
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.render.secrets import forms as secret_forms
from deployctl.render.secrets.redaction import redact, secrets_in
from tests.unit.render.samples import hostile

# Put together here: scanners would find whole ones in this file.
HEX = "0123456789abcdef"
WORD = "Zm9vYmFyQmF6UXV4MTIzNDU2Nzg5MA"
JWT = f"ey{'JhbGciOiJIUzI1NiJ9'}.ey{'JzdWIiOiIxMjM0NTY3ODkwIn0'}.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
TOKENS = [
    f"ghp_{HEX}{HEX}abcd",
    f"github_pat_{WORD}_{WORD}",
    f"glpat-{HEX}abcd",
    f"AK{'IA'}IOSFODNN7EXAMPLE",
    f"AI{'za'}{HEX}{HEX}abc",
    f"ya29.{WORD}",
    f"xoxb-123456789012-{WORD}",
    f"xapp-1-A0123-{WORD}",
    f"sk_{'live'}_{WORD}",
    f"whsec_{WORD}",
    f"npm_{HEX}{HEX}abcd",
    f"pypi-{WORD}{WORD}",
    f"dckr_pat_{WORD}",
    f"SG.{HEX}abcdef.{HEX}{HEX}",
    f"1234567890:AA{HEX}{HEX}a",
    f"hvs.{WORD}",
    f"sk-proj-{WORD}",
    f"hf_{HEX}{HEX}",
    f"dop_v1_{HEX}{HEX}{HEX}{HEX}",
    f"AGE-SECRET-KEY-1{'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L' * 2}",
    JWT,
    JWT[:30],
    f"LS0tLS1CRUdJTi{WORD}",
]


# A line, and the secret in it.
SECRET = [
    # names with a value
    ("password=hunter2", "hunter2"),
    ("PGPASSWORD=hunter2 psql -h db", "hunter2"),
    ("MYSQL_PWD=/hunter2", "/hunter2"),
    ("DB_PASS: s3cr3tpw", "s3cr3tpw"),
    ("db.password = correct,horse;battery&staple", "correct,horse;battery&staple"),
    ("password: swordfish", "swordfish"),
    ("SECRET_KEY_BASE=abcdef", "abcdef"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCY+KEY=", "wJalrXUtnFEMI/K7MDENG"),
    ("apiKey: abc-def", "abc-def"),
    ("X-Api-Key: 8d7f", "8d7f"),
    ("invalid API key: abc123", "abc123"),
    ("APP_KEY=base64:c3dvcmRmaXNoc3dvcmRmaXNo=", "c3dvcmRmaXNoc3dvcmRmaXNo"),
    ("HMAC_KEY=swordfish", "swordfish"),
    ("dbPass=hunter2", "hunter2"),
    ('"x-api-key":["8d7f6e5d"]', "8d7f6e5d"),
    ('{"key":"API_TOKEN","value":"hunter2"}', "hunter2"),
    ('<add key="Password" value="hunter2" />', "hunter2"),
    ("A temporary password is generated for root@localhost: kd8s!fk2;Qw", "kd8s!fk2;Qw"),
    ("CREATE USER a IDENTIFIED WITH caching_sha2_password BY 'hunter2'", "hunter2"),
    ("#0 /app/db.php(3): PDO->__construct('mysql:host=db', 'app', 'hunter2')", "hunter2"),
    ("redis-server --requirepass hunter2", "hunter2"),
    ("password: HUNTER_2 and more", "HUNTER_2"),
    ('{"password": "hun\\"ter2", "user": "x"}', "ter2"),
    ('"level":"error","password":"hunter2","msg":"m"', "hunter2"),
    ('msg="{\\"password\\":\\"hunter2\\",\\"user\\":\\"x\\"}"', "hunter2"),
    ("{'db_password': 'hunter2', 'host': 'db'}", "hunter2"),
    ("config['secret_key'] = 'hunter2'", "hunter2"),
    ("Settings(password=SecretStr('hunter2'), host='db')", "hunter2"),
    (':password=>"hunter2", :user=>"x"', "hunter2"),
    ("&{Host:db Password:hunter2 User:x}", "hunter2"),
    ("password := `hunter2`", "hunter2"),
    ("Server=db;User Id=sa;Pwd=hunter2;Encrypt=true", "hunter2"),
    ("AccountName=x;AccountKey=Zm9vYmFy+/8=;EndpointSuffix=y", "Zm9vYmFy+/8="),
    ("host=db user=app password='hunter 2' dbname=x", "hunter 2"),
    ("GET /login?user=x&password=hunter2&next=/", "hunter2"),
    ("GET /cb?access_token=abcdefgh HTTP/1.1", "abcdefgh"),
    ("body: password%3Dhunter2", "hunter2"),
    ("session_id=8f14e45f-ceea-467a-9c2b-1f0a3e4d5c6b", "8f14e45f"),
    ('"auths": {"ghcr.io": {"auth": "dXNlcjpwYXNz"}}', "dXNlcjpwYXNz"),
    ("token=abcdefghij", "abcdefghij"),
    ("./app --password hunter2 --port 80", "hunter2"),
    ("./app --db-password=hunter2 --port 80", "hunter2"),
    ("./app --api-token a1b2c3d4e5 --port 80", "a1b2c3d4e5"),
    ("\x1b[36mpassword\x1b[0m=hunter2", "hunter2"),
    ("level=info \x1b[36mDATABASE_URL\x1b[0m=\x1b[33mpostgres://a:hunter2@db/x\x1b[0m", "hunter2"),
    ('["password"]=> string(7) "hunter2"', "hunter2"),
    ('Config { password: Some("hunter2"), port: 1 }', "hunter2"),
    ('{"name":"DB_PASSWORD","value":"hunter2"}', "hunter2"),
    ('<property name="db.password" value="hunter2"/>', "hunter2"),
    ("<Password>hunter2</Password>", "hunter2"),
    ("bindpw: hunter2", "hunter2"),
    ("//registry.npmjs.org/:_authToken=abcdefgh", "abcdefgh"),
    ('Parameters: {"user"=>{"password"=>"hunter2"}}', "hunter2"),
    ('org.apache.kafka required username="x" password="hunter2";', "hunter2"),
    # headers, commands, SQL
    ("Authorization: 0a1b2c3d4e5f", "0a1b2c3d4e5f"),
    ("machine x login kim password hunter2", "hunter2"),
    ("mysqldump -uroot -phunter2 app", "hunter2"),
    ("sshpass -p hunter2 ssh x", "hunter2"),
    ("Authorization: Basic YWRtaW46czNjcmV0", "YWRtaW46czNjcmV0"),
    ("> proxy-authorization: Basic YWRtaW46czNjcmV0", "YWRtaW46czNjcmV0"),
    ('{"Authorization": ["Token 0123abcd"]}', "0123abcd"),
    ("'authorization': b'Bearer abcd'", "abcd"),
    ("curl: sent Basic YWRtaW46czNjcmV0 to the proxy", "YWRtaW46czNjcmV0"),
    ("refused bearer abcdefghijklmnop.qrstuv", "abcdefghijklmnop.qrstuv"),
    ("Set-Cookie: sessionid=38afes7a8; Path=/; HttpOnly", "38afes7a8"),
    ('"Cookie": "theme=dark; sid=38afes7a8"', "38afes7a8"),
    (f"https://x.blob.core.windows.net/c?sv=2024&sig={WORD}%3D&se=2026", WORD),
    (f"POST https://hooks.slack.com/services/T0000/B0000/{WORD}", WORD),
    ("+ curl -fsS -u admin:hunter2 https://x", "hunter2"),
    ("+ docker login -u x -p hunter2 ghcr.io", "hunter2"),
    ("CREATE USER app WITH PASSWORD 'hunter2'", "hunter2"),
    ("CREATE USER 'app'@'%' IDENTIFIED BY 'hunter2'", "hunter2"),
    # URLs
    ("dial postgres://app:s3cret@db:5432/x failed", "s3cret"),
    ("dial postgres://app:pa/ss:w@rd@db:5432/x failed", "pa/ss:w@rd"),
    ("dial postgres://app:12/34@db:5432/x failed", "12/34"),
    ("redis://:hunter2@cache:6379/0", "hunter2"),
    ("amqp://u:one1@h1:5672,amqp://u:two2@h2:5672", "two2"),
    ("smtp://kim@example.com:hunter2@mail:25", "hunter2"),
    ("https://x/?next=postgres://app:hunter2@db/x", "hunter2"),
    ("jdbc:postgresql://db/app?user=x&password=hunter2", "hunter2"),
    ("jdbc:oracle:thin:app/hunter2@db:1521", "hunter2"),
    ("app:hunter2@tcp(db:3306)/x", "hunter2"),
    ("https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/2", "0123456789abcdef"),
    ("url=postgres%3A%2F%2Fapp%3Ahunter2%40db%2Fx", "hunter2"),
    ("postgres://app:p%40ss%3Aword@db/x", "p%40ss%3Aword"),
    *((f"using {token} now", token) for token in TOKENS),
]
ORDINARY = [
    'FATAL: password authentication failed for user "app"',
    "token expired",
    "error: token: expired",
    "Invalid token: expected ',' but found '}'",
    "error: password: must be at least 8 characters",
    "password is required",
    "Access denied for user 'app'@'10.0.0.1' (using password: YES)",
    "services.web.registry.password: REGISTRY_PASSWORD is set but empty",
    "DEPLOY_SSH_KEY is not a private key: its first line reads ssh-rsa",
    "from a person, a variable or a secret: those were not scanned",
    "passwords=3",
    "secret_key is not set",
    "SECRET_KEY=",
    'SECRET_KEY=""',
    "password=*** user=x",
    "password=[FILTERED] user=x",
    "password=${DB_PASSWORD}",
    "PASSWORD: <set to the key 'x' in secret 'db'>",
    "'password': None, 'host': 'db'",
    "max_tokens=4096 token_count: 12345678",
    "password_file=/run/secrets/db",
    "ssl_private_key=/etc/ssl/private/app.pem",
    "PWD=/srv/app OLDPWD=/",
    "bypass=true compass=north",
    "tests pass: 12, fail: 0",
    "session: started",
    "session: 2026-11-24T10:00:00Z",
    "auth: 10.0.0.7:8080",
    "auth=required method=GET",
    "Authorization header missing",
    "authorization: denied by policy",
    "npm run build -p 4",
    "pw -l",
    "Enter password:",
    "Basic authentication is off; Bearer authentication is on",
    "cookie: not found",
    "commit 2b3c4d5c8023a5ed2110221a9133ac9d6705eb8f",
    f"image registry.example.com/app@sha256:{'ab12' * 16}",
    "request 8f14e45f-ceea-467a-9c2b-1f0a3e4d5c6b",
    "sha-1a2b3c4: reading configuration",
    "DATABASE_URL=postgres://db/app",
    "FATAL: DATABASE_URL is not set",
    "KeyError: 'DATABASE_URL'",
    "KeyError: 'password'",
    "mail to kim@example.com",
    "10:15:02 mail to kim@example.com",
    "git@github.com:a/b.git",
    "ssh://git@github.com/a/b.git",
    "http://db:5432/x",
    "http://localhost:8080/@vite/client",
    "https://registry.npmjs.org/@scope/pkg",
    "connecting to db:5432",
    "a:b@c",
    '10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET /health HTTP/1.1" 200 612 "-" "curl/8.5.0"',
    'GET /x?page=2&sort=-created HTTP/1.1" 404',
    '  File "/app/auth/token.py", line 12, in get_token',
    "    at Object.session (/app/node_modules/passport/session.js:12:34)",
    "\tat com.example.auth.TokenFilter.doFilter(TokenFilter.java:57)",
    "thread 'main' panicked at src/secret.rs:12:5: called `Option::unwrap()` on a `None` value",
    "use secret::Secret; token::Token",
    "SELECT id, password FROM users WHERE id = 1",
    'ERROR:  column "password" does not exist at character 12',
    "listening on 0.0.0.0:8080, pid 1",
    "2026-11-24T10:00:00.123Z INFO  [main] c.e.App: Started App in 2.1 s",
    "-----BEGIN CERTIFICATE-----",
    "exit status 1: OOMKilled=false",
]


@pytest.mark.parametrize(("line", "secret"), SECRET)
def test_a_secret_is_taken_out_of_a_line(line: str, secret: str) -> None:
    (said,) = redact([line])

    assert secret not in said
    assert "***" in said


@pytest.mark.parametrize("line", ORDINARY)
def test_an_ordinary_line_stays_as_it_is(line: str) -> None:
    assert redact([line]) == (line,)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("host=db password=hunter2 port=5432", "host=db password=*** port=5432"),
        ("f(password='x', host='db')", "f(password='***', host='db')"),
        ("bad password: hunter2, try again", "bad password: ***, try again"),
        ("a?token=abcdefgh12&page=2", "a?token=***&page=2"),
        ("postgres://app:s@db:5432/x and https://x/y", "postgres://app:***@db:5432/x and https://x/y"),
    ],
)  # fmt: skip
def test_what_stands_around_a_secret_stays(line: str, said: str) -> None:
    assert redact([line]) == (said,)


@pytest.mark.parametrize("form", secret_forms.TOKENS)
def test_each_form_of_a_token_has_a_sample(form: str) -> None:
    assert any(re.fullmatch(form, sample) for sample in TOKENS)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [
                "loaded -----BEGIN OPENSSH PRIVATE KEY-----",
                "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=",
                "-----END OPENSSH PRIVATE KEY-----",
                "ready",
            ],
            ["loaded *** (a private key)", "ready"],
        ),
        (
            ["-----BEGIN RSA PRIVATE KEY-----", "MIIEpA", "panic!"],
            ["*** (a private key)", "panic!"],
        ),
        (
            ['"key": "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n", "a": 1'],
            ['"key": "*** (a private key)\\n", "a": 1'],
        ),
        (
            [
                "app | -----BEGIN EC PRIVATE KEY-----",
                "app | MHcC+/8=",
                "app | -----END EC PRIVATE KEY-----",
                "app | up",
            ],
            ["app | *** (a private key)", "app | up"],
        ),
        ([f"jwt: {JWT}", "dozjgNryP4J3jVmNHl0w5N_XgL", "done"], ["jwt: ***", "***", "done"]),
        (['  "password":', '    "hunter2",', '  "a": 1'], ['  "password":', "    ***", '  "a": 1']),
        (
            ['  ["password"]=>', '  string(7) "hunter2"', "}"],
            ['  ["password"]=>', "  ***", "}"],
        ),
        (["secret:", "    at main (app.js:1:2)"], ["secret:", "    at main (app.js:1:2)"]),
        (["password=a1", "2b3c4d5c8023a5ed2110"], ["password=***", "2b3c4d5c8023a5ed2110"]),
    ],
)  # fmt: skip
def test_secrets_that_span_lines(lines: list[str], said: list[str]) -> None:
    assert list(redact(lines)) == said


def test_only_what_is_a_secret_by_its_form_is_masked() -> None:
    """A value that is one by its place may be a word that the whole workflow uses."""
    log = [
        "password=production",
        "postgres://app:s3cret-word@db/x",
        f"using {TOKENS[0]}",
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA",
    ]

    assert secrets_in(log) == ("s3cret-word", TOKENS[0])


WORDS = ["password", "secret", "token", "cookie: ", "Basic ", "eyJ", "://", "a", "1", "=", ":", " "]
WORDS += [
    "'",
    '"',
    "\\",
    "@",
    "/",
    ",",
    ";",
    "&",
    "--",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "-----END ",
]
PIECES = st.sampled_from(WORDS)


@given(st.lists(hostile | st.lists(PIECES, max_size=30).map("".join), max_size=5))
def test_whatever_comes_lines_never_become_more_and_masks_are_gone(lines: list[str]) -> None:
    said = redact(lines)

    assert len(said) <= len(lines)
    for secret in secrets_in(lines):
        assert all(secret not in line.replace("***", "\n") for line in said)


SEARCHES = [value for value in vars(secret_forms).values() if isinstance(value, re.Pattern)]
SEARCHES += secret_forms.NAMED


def _greedy_and_endless(parts: Any) -> bool:
    """Whether a repetition has no end and gives back what it took: the two that cost squares."""
    if isinstance(parts, (list, tuple, _parser.SubPattern)):
        if len(parts) == 2 and parts[0] in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            _, most, inner = parts[1]
            return most is _constants.MAXREPEAT or _greedy_and_endless(inner)
        return any(map(_greedy_and_endless, parts))
    return False


@pytest.mark.parametrize("pattern", SEARCHES, ids=lambda pattern: pattern.pattern[:40])
def test_no_search_can_be_made_to_go_back_and_forth(pattern: re.Pattern[str]) -> None:
    assert not _greedy_and_endless(_parser.parse(pattern.pattern))


ENDLESS = ["a", " ", "=", ":", "'", '"', "\\", "://", "://a:", "@", "eyJ", "1", "a.", "a,", "a:"]
ENDLESS += [
    "password",
    "password=",
    "password='",
    "password=\\",
    "secret: a ",
    "token ",
    "--",
    "--a",
]
ENDLESS += ["basic ", "authorization: ", "cookie:", "curl ", "login ", "identified ", "%3a%2f%2f"]


@pytest.mark.parametrize("piece", ENDLESS)
def test_eight_times_the_line_takes_about_eight_times_as_long(piece: str) -> None:
    """Where each place looked at all the others, it would be sixty-four times."""
    short, long = (_seconds((piece * 8_192)[:length]) for length in (1_024, 8_192))

    assert long < 24 * short + 0.01


def _seconds(line: str) -> float:
    """What a search costs this process, when nothing else disturbs it."""

    def once() -> float:
        began = time.process_time()
        for form in secret_forms.ALL:
            list(form(line))
        secret_forms.awaits_a_value(line)
        return time.process_time() - began

    return min(once() for _ in range(3))


@given(st.lists(hostile | st.text("a:/@.-BEGIN RSA PRIVATE KEY", max_size=60), max_size=5))
def test_redacting_what_is_redacted_changes_nothing(lines: list[str]) -> None:
    once = redact(lines)

    assert redact(once) == once
    assert len(once) <= len(lines)
