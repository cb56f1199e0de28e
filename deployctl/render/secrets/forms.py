"""Pure: what a secret looks like in a log, as tables: tokens, headers, URLs, names with a value.

Every search takes time in proportion to the line, whatever the line is: a repetition is either
possessive (`*+`, it gives nothing back) or has a small upper bound. A form that a token's maker
documents has its source beside it. docs/decisions/0020 says why this is no library's table.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Iterator

Span = tuple[int, int]
"""Where a secret stands in a line: start and end."""


TOKENS = (
    # GitHub: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    r"(?:gh[pousr]_|github_pat_)\w{16,}+",
    # GitLab: https://docs.gitlab.com/security/tokens/#token-prefixes
    r"gl(?:pat|oas|dt|rtr?|cbt|ptt|ft|imt|agent|soat|ffct)-[\w.-]{16,}+",
    # AWS access key id: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    r"(?:AKIA|ASIA)[A-Z2-7]{16}",
    # Google API key: https://cloud.google.com/docs/authentication/api-keys
    r"AIza[\w-]{35}",
    # Google OAuth: https://developers.google.com/identity/protocols/oauth2
    r"(?:ya29\.|GOCSPX-)[\w-]{20,}+",
    # Slack: https://docs.slack.dev/authentication/tokens
    r"x(?:ox[a-z]|app)-[\w-]{10,}+",
    # Stripe: https://docs.stripe.com/keys
    r"(?:[sr]k_(?:live|test)|whsec)_\w{16,}+",
    # npm: https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/
    r"npm_[A-Za-z0-9]{36}",
    # PyPI: https://pypi.org/help/#apitoken
    r"pypi-[\w-]{40,}+",
    # Docker Hub: https://docs.docker.com/security/access-tokens/
    r"dckr_(?:pat|oat)_[\w-]{16,}+",
    # SendGrid: https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys
    r"SG\.[\w-]{16,64}\.[\w-]{16,}+",
    # Telegram bot: https://core.telegram.org/bots/api#authorizing-your-bot
    r"[0-9]{8,10}:[\w-]{35}(?![\w-])",
    # HashiCorp Vault: https://developer.hashicorp.com/vault/docs/concepts/tokens
    r"hv[sbr]\.[\w-]{24,}+",
    # OpenAI, Anthropic: https://platform.openai.com/docs/api-reference
    r"sk-[\w-]{20,}+",
    # Hugging Face: https://huggingface.co/docs/hub/security-tokens
    r"hf_[A-Za-z0-9]{30,}+",
    # DigitalOcean: https://docs.digitalocean.com/reference/api/create-personal-access-token/
    r"do[opr]_v1_[0-9a-f]{64}",
    # age: https://github.com/C2SP/C2SP/blob/main/age.md
    r"AGE-SECRET-KEY-1[0-9A-Z]{50,}+",
    # {" in base64url; cut off behind any of its parts, it is as good as whole.
    # JSON Web Token: https://www.rfc-editor.org/rfc/rfc7515#section-3.1
    r"eyJ[\w-]{14,}+={0,2}(?:\.[\w-]*+){0,4}",
    # a private key in base64: https://www.rfc-editor.org/rfc/rfc7468#section-2
    r"LS0tLS1CRUdJTi[\w+/=-]{16,}+",
)
_TOKENS = re.compile(rf"(?<![A-Za-z0-9_])(?:{'|'.join(TOKENS)})")


def tokens(line: str) -> Iterator[Span]:
    """Find what is a token by its form."""
    return (match.span() for match in _TOKENS.finditer(line))


# ---------------------------------------------------------------- headers, other commands

NAMED = (
    # https://www.rfc-editor.org/rfc/rfc9110#section-11.4: a scheme, then what proves who asks
    re.compile(
        r"(?i)\bauthorization\\?[\"']?\s{0,8}(?:[:=]|=>)\s{0,8}\\?[\"'\[b]{0,2}"
        r"(?:basic|bearer|token|digest|negotiate|apikey)\s{1,8}(?P<secret>[^\s\"',;]{4,}+)"
    ),
    # https://www.rfc-editor.org/rfc/rfc6265#section-4: NAME=VALUE, more behind semicolons
    re.compile(
        r"(?i)\b(?:set-)?cookie\\?[\"']?\s{0,8}(?::|=>)\s{0,8}\\?[\"'\[]{0,2}"
        r"(?P<secret>[\w.%-]{1,100}=[^\"']*+)"
    ),
    # https://learn.microsoft.com/azure/storage/common/storage-sas-overview
    re.compile(r"(?i)[?&;]sig=(?P<secret>[\w%+/=-]{16,}+)"),
    # https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[\w/-]{16,}+)"),
    # https://discord.com/developers/docs/resources/webhook
    re.compile(r"discord(?:app)?\.com/api/webhooks/[0-9]{1,30}/(?P<secret>[\w-]{16,}+)"),
    # https://github.com/go-sql-driver/mysql#dsn-data-source-name
    re.compile(r"\b[\w.-]{1,80}:(?P<secret>[^\s@]{1,200})@(?:tcp|unix)\("),
    # jdbc:oracle:thin:USER/PASSWORD@HOST
    re.compile(r"(?i):(?:thin|oci):[^\s/@:]{1,80}/(?P<secret>[^\s@]{1,200})@"),
    # curl -u USER:PASSWORD, docker login -p PASSWORD
    re.compile(
        r"\bcurl\s.{0,400}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,80}:(?P<secret>[^\s\"']++)"
    ),
    re.compile(
        r"\b(?:login|sshpass|mysql\w{0,10})\s(?:.{0,200}?\s)?-p[ =]?[\"']?(?P<secret>[^\s\"']++)"
    ),
    # .netrc
    re.compile(r"\blogin\s{1,8}\S{1,80}\s{1,8}password\s{1,8}(?P<secret>\S++)"),
    # <password>…</password>, and {"name": "DB_PASSWORD", "value": "…"} as containers list variables
    re.compile(r"(?i)(?:password|passwd|secret|token|api_?key)>(?P<secret>[^<]++)"),
    re.compile(
        r"(?i)\b(?:name|key)\\?[\"']?\s{0,8}[=:]\s{0,8}\\?[\"'][\w.-]{0,60}?(?:password|passwd|secret|token|key)\\?[\"'],?"
        r"\s{0,8}\\?[\"']?value\\?[\"']?\s{0,8}[=:]\s{0,8}\\?[\"'](?P<secret>[^\"'\\]++)"
    ),
    # SQL
    re.compile(
        r"(?i)\b(?:password|identified\s{1,8}(?:with\s{1,8}\w{1,60}\s{1,8})?by)\s{1,8}E?'(?P<secret>[^']++)"
    ),
    # the first start of MySQL
    re.compile(r"(?i)\bpassword is generated for [^\s:]{1,100}: (?P<secret>\S++)"),
    # the arguments in a trace of PHP: where the database is, user, password
    re.compile(r"\bPDO->__construct\('[^']{0,400}', '[^']{0,100}', '(?P<secret>[^']++)"),
    # Redis
    re.compile(r"(?i)\b(?:requirepass|masterauth)\s{1,8}[\"']?(?P<secret>[^\s\"']++)"),
)


def named(line: str) -> Iterator[Span]:
    """Find what stands where a header or a command of others has a secret."""
    return (match.span("secret") for form in NAMED for match in form.finditer(line))


_SCHEME = re.compile(r"(?i)\b(?P<scheme>basic|bearer)\s{1,8}(?P<secret>[\w.~+/-]{8,}+={0,2})")


def schemes(line: str) -> Iterator[Span]:
    """Find `Basic …` and `Bearer …`, wherever they stand; prose begins so, too."""
    for match in _SCHEME.finditer(line):
        value = match["secret"]
        basic = match["scheme"].lower() == "basic"
        if _is_basic(value) if basic else len(value) >= _LONG or _is_mixed(value):
            yield match.span("secret")


def _is_basic(value: str) -> bool:
    """Whether it is base64 of `USER:PASSWORD`."""
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


# ---------------------------------------------------------------- URLs

_LONG = 16
# A quote ends it, unless it stands within a word: one URL of a list, of a JSON text.
_URLS = re.compile(r"://(?:[^\s\"'`]|[\"'`](?=\w))++")
_ESCAPED = re.compile(r"(?i)%3a%2f%2f[^\s/%]{0,100}%3a(?P<secret>[^\s/]{1,200}?)%40")
_PORT = re.compile(r"[0-9]{1,5}(?=[/?#,;])")
_HOST_AND_PORT = re.compile(r"[\w.-]{1,100}:[0-9]")
_NOT_IN_A_USER = re.compile(r"[/?#,]")


def urls(line: str) -> Iterator[Span]:
    """Find the password of `scheme://user:password@host`, and a long token before the `@`."""
    for match in _URLS.finditer(line):
        start = match.start()
        for piece in match[0].split("://"):
            yield from (_of_url(piece, start))
            start += len(piece) + len("://")
    yield from (match.span("secret") for match in _ESCAPED.finditer(line))


def _of_url(text: str, start: int) -> Iterator[Span]:
    """A password may have any character, an `@`, `:` or `/` too: what is last counts."""
    before, at, host = text.rpartition("@")
    user, colon, password = before.partition(":")
    if not at or _NOT_IN_A_USER.search(user):
        return
    end = start + len(before)
    if colon and password and not (_PORT.match(password) and not _HOST_AND_PORT.match(host)):
        yield start + len(user) + 1, end
    elif not colon and len(user) >= _LONG and _is_mixed(user):
        yield start, end


# ---------------------------------------------------------------- names with a value

_STRONG = (
    r"password|passwd|passphrase|passcode|pwd|secret|credentials?|(?<![A-Za-z0-9])creds"
    r"|(?:api|access|app|hmac|private|secret|signing|encryption|master|account|shared|license|auth)"
    r"[_. -]?key|(?<=[_.-])pass|(?-i:(?<=[a-z])Pass)|(?<![A-Za-z])(?:bind|root|db)?pw|passwort"
)
_WEAK = (
    r"token|authorization|jwt|(?<![A-Za-z])(?:auth|pass|sig)|signature"
    r"|session(?:[_-]?(?:id|key))?|sessid"
)
_NAME = rf"(?:(?P<strong>{_STRONG})|(?P<weak>{_WEAK}))(?:_?[0-9]{{1,2}}|_(?:base|old|new|value))?"
_SEPARATOR = r"(?P<separator>\s{0,8}(?:=>|:=|={1,3}|:(?!:|//)|%3[ad])\s{0,8})"
# A comma, semicolon or ampersand ends a value where another name or nothing follows.
_BARE = r"(?P<bare>(?:[^\s\"'`,;&]|[\"'`](?=\w)|[,;&](?!\s|$|[\"'{\[]|[\w.%-]{1,40}\s?[=:]))++)"
_QUOTED = (
    r"[brfu]{0,2}(?:\"(?P<double>(?:[^\"\\]++|\\.)*+)|'(?P<single>(?:[^'\\]++|\\.)*+)"
    r"|\\{1,3}\"(?P<escaped>(?:(?!\\{1,3}\").)*+))"
)
# Some("…"), SecretStr('…'), string(7) "…", and a list of one
_TYPE = r"(?:[a-z]{1,20}\((?=[\"'])|\[\s?(?=\\{0,3}[\"'])|string\([0-9]{1,9}\)\s(?=\"))?"
_PAIR = re.compile(rf"(?i:{_NAME}(?:\\{{0,3}}[\"'])?\]?{_SEPARATOR}{_TYPE}(?:{_QUOTED}|{_BARE}))")
_OPTION = re.compile(
    rf"(?i:(?<![\w-])--[\w-]{{0,40}}?{_NAME}(?P<separator>\s{{1,8}})(?!-)(?:{_QUOTED}|{_BARE}))"
)
_LAST = re.compile(
    rf"(?i:(?:{_STRONG})(?:\\{{0,3}}[\"'])?\]?\s{{0,8}}[:=]\s{{0,8}}[\[|>-]{{0,2}}\s{{0,8}}$)"
)
_VALUES = ("double", "single", "escaped", "bare")

# What stands for a secret in a log that has already taken care.
_STANDS_FOR_ONE = re.compile(
    r"(?i)[*•]*+|x{3,}+|\.{3}|…|<.*+|\[[a-z_ -]*+\]?|\$\{.*+|\$[A-Z_]++|%s|%\(\w*+\)s|\{\w*+\}"
    r"|\{\{.*+|null|none|nil|undefined|true|false|n/a"
)
_PROSE = re.compile(
    r"(?i)(?:an?|and|are|at|by|can|cannot|could|denied|does|doesn't|empty|error|expected|expired|failed"
    r"|failure|for|from|has|have|in|incorrect|invalid|is|isn't|may|mismatch|missing|must|no|not|of|ok"
    r"|on|or|provided|required|should|so|the|this|to|too|unset|unknown|was|which|with|wrong|yes|your?)[.,:!]{0,3}"
)
_WORD = re.compile(r"[a-z']{1,20}")
_VARIABLE_IS = re.compile(r"[A-Z][A-Z0-9]*+(?:_[A-Z0-9]++)++\s(?:is|has)\s")
_MORE_WORDS = re.compile(r"\s[A-Za-z']{1,20}(?:[\s.,]|$)")
_TIMES_AND_ADDRESSES = re.compile(
    r"[0-9.,:/+-]++|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ].*+|[./~].*+|[a-z+]{1,20}://.*+"
)
_SHORTEST_TOKEN = 8
_LONGEST_WORD = 24


def pairs(line: str) -> Iterator[Span]:
    """Find the values whose name says that they are secret: `password=…`, `"token": "…"`."""
    for form in (_PAIR, _OPTION):
        for match in form.finditer(line):
            kind = next(name for name in _VALUES if match[name] is not None)
            start, end = match.span(kind)
            value = match[kind]
            if kind == "bare":
                value = value.rstrip(")]}>")
                end = start + len(value)
            if value and _is_secret(match, kind, value):
                yield start, end


def awaits_a_value(line: str) -> bool:
    """Whether a line ends with such a name, so that its value stands on the next one."""
    return _LAST.search(line[-_LONGEST_END:]) is not None


_LONGEST_END = 200


def _is_secret(match: re.Match[str], kind: str, value: str) -> bool:
    if _STANDS_FOR_ONE.fullmatch(value):
        return False
    in_prose = kind == "bare" and "=" not in match["separator"]  # name: value, as in a sentence
    if in_prose and (
        value[0] in "{[(<"
        or _is_prose(value, match.string[match.end() : match.end() + _LONGEST_WORD])
    ):
        return False
    if match["strong"]:
        return not _is_a_path(match["strong"], line=match.string, at=match.start(), value=value)
    if len(value) < _SHORTEST_TOKEN or _TIMES_AND_ADDRESSES.fullmatch(value):
        return False
    if match["weak"].lower() in {"token", "jwt"} and not in_prose:
        return " " not in value
    return _is_mixed(value) or _is_basic(value)


def _is_prose(word: str, rest: str) -> bool:
    """Whether a sentence goes on behind a colon: "is not a private key: its first line reads"."""
    return bool(
        _PROSE.fullmatch(word)
        or (_WORD.fullmatch(word) and _MORE_WORDS.match(rest))
        or _VARIABLE_IS.match(word + rest)
    )


def _is_a_path(name: str, *, line: str, at: int, value: str) -> bool:
    """Whether it names a file: the working directory, where a key is kept."""
    if name.lower() == "pwd":
        before = line[max(0, at - 4) : at].removesuffix("OLD")
        return value[0] in "/~" and not re.search(r"\w\Z", before)
    return name.lower().startswith("private") and (value[0] in "/~." or value.endswith(".pem"))


def _is_mixed(value: str) -> bool:
    """Whether it has both letters and digits, and is one word: random, or as good as."""
    return (
        any(map(str.isdigit, value))
        and any(map(str.isalpha, value))
        and not any(map(str.isspace, value))
    )


SURE: tuple[Callable[[str], Iterator[Span]], ...] = (tokens, schemes, urls)
"""What is a secret by its form: safe to be masked in all that a workflow says."""

ALL = (*SURE, named, pairs)
"""And what is one by its place."""
