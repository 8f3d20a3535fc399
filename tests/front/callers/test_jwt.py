"""Which JWTs let their bearer in, and what one that does not is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from relay.front.callers.jwt import JwtCheck
from relay.front.callers.key_set import KeySet
from relay.http.request import Request
from relay.model.caller import Allowance, Caller, JobPatterns
from relay.model.caller_settings import CallerSettings
from relay.model.limits import Rate
from relay.model.problems.caller import KeysAway, Unauthorized
from relay.model.problems.request import Malformed
from tests.front.callers.provider import ALGORITHMS, AUDIENCE, ISSUER, NOW, Issuer, jwks, part

DEFAULTS = Allowance(Rate(5, 1.0), held=3, queued=7)


class Source:
    """Keys that a test sets."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.current: KeySet | None = None
        self.away = False
        self.renewing: list[Deferred[None]] = []
        self.can_renew = False
        if keys:
            self.now_has(*keys)

    def now_has(self, *keys: dict[str, Any]) -> None:
        self.current = KeySet.parse(jwks(*keys))

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def renew(self) -> Deferred[None] | None:
        if not self.can_renew:
            return None
        self.renewing.append(Deferred())
        return self.renewing[-1]


class Scene:
    """A check of tokens of one provider."""

    def __init__(self, *issuers: Issuer, **given: Any) -> None:
        self.keys = Source(*(issuer.jwk() for issuer in issuers))
        self.now = NOW
        set_ = {"jwt_keys": "keys", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, **given}
        self.check = JwtCheck(CallerSettings(**set_), self.keys, DEFAULTS, lambda: self.now)

    def caller(self, token: str) -> Caller:
        found = self.check.identify(asked(token))
        assert isinstance(found, Caller)
        return found

    def why_not(self, token: str) -> str:
        """Why it is refused; and what is refused is not remembered."""
        with pytest.raises(Unauthorized) as refused:
            self.check.identify(asked(token))
        assert self.check.recall(asked(token)) is None
        assert not token or token not in refused.value.detail
        return refused.value.detail

    def recalled(self, token: str) -> Caller | None:
        return self.check.recall(asked(token))


def asked(token: str, scheme: str = "Bearer") -> Request:
    return Request("POST", b"/jobs/echo", "1.1", {"authorization": [f"{scheme} {token}"]})


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def scene(issuer: Issuer) -> Scene:
    return Scene(issuer)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_the_provider_lets_its_subject_in(algorithm: str) -> None:
    issuer = Issuer(algorithm)
    caller = Scene(issuer).caller(issuer.token())
    assert caller == Caller("sub:alice", name="sub:alice", allowance=DEFAULTS)
    assert caller.may_call("anything")


def test_what_is_no_jwt_is_for_another_check(scene: Scene) -> None:
    nothing = Request("POST", b"/jobs/echo", "1.1", {})
    for request in (nothing, asked("rly_abc"), asked("YTpi", "Basic"), asked("")):
        assert scene.check.recall(request) is None
        assert scene.check.identify(request) is None


def test_two_tokens_are_one_too_many(scene: Scene, issuer: Issuer) -> None:
    request = asked(issuer.token())
    request.headers["authorization"] *= 2
    with pytest.raises(Malformed):
        scene.check.identify(request)


# -- the signature --


def test_a_key_of_another_provider_with_the_same_name_is_refused(scene: Scene) -> None:
    assert scene.why_not(Issuer().token()) == "the signature of the token is not valid"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_whose_claims_were_changed_is_refused(algorithm: str) -> None:
    issuer = Issuer(algorithm)
    head, _, signature = issuer.token().split(".")
    changed = f"{head}.{part(issuer.claims(sub='root'))}.{signature}"
    assert Scene(issuer).why_not(changed) == "the signature of the token is not valid"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 0, ["ES256"], {"a": 1}])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_a_token_without_an_algorithm_is_refused(scene: Scene, algorithm: Any, signature: str) -> None:
    head = part({"alg": algorithm, "kid": "one"})
    refused = scene.why_not(f"{head}.{part(Issuer().claims())}.{signature}")
    assert refused.startswith("the token is not ")


def secrets_of(issuer: Issuer) -> list[bytes]:
    """What whoever mistakes a public key for a secret would have as the secret."""
    public = issuer.private.public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem, der = (
        public.public_bytes(encoding, form)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
    )
    found = issuer.jwk()
    numbers = [base64.urlsafe_b64decode(found[name] + "==") for name in ("n", "x", "y") if name in found]
    texts = [found[name].encode() for name in ("n", "x", "y") if name in found]
    return [pem, pem.strip(), der, json.dumps(found).encode(), *numbers, *texts, b"", b"one"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("mac", ["HS256", "HS384", "HS512", *ALGORITHMS])
def test_a_public_key_is_no_secret(algorithm: str, mac: str) -> None:
    """Neither where the head says so, nor where it names the key's own algorithm."""
    issuer = Issuer(algorithm)
    scene = Scene(issuer)
    for secret in secrets_of(issuer):
        text = f"{part({'alg': mac, 'kid': 'one'})}.{part(issuer.claims())}"
        digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(mac, hashlib.sha256)
        refused = scene.why_not(f"{text}.{part(hmac.digest(secret, text.encode(), digest))}")
        assert refused in (
            "the token is not signed by one of ES256, RS256, EdDSA",
            "the signature of the token is not valid",
            "the key of the token is not known (kid)",
        )


@pytest.mark.parametrize("claimed", ALGORITHMS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_used_with_its_own_algorithm_only(algorithm: str, claimed: str) -> None:
    issuer = Issuer(algorithm)
    token = issuer.signed({"alg": claimed, "kid": "one"}, issuer.claims())
    if claimed == algorithm:
        assert Scene(issuer).caller(token).owner == "sub:alice"
    else:
        assert Scene(issuer).why_not(token) == "the key of the token is not known (kid)"


@pytest.mark.parametrize(
    "algorithm", ["RS384", "RS512", "PS256", "ES384", "ES512", "ES256K", "HS256", "Ed25519"]
)
def test_other_algorithms_are_refused(scene: Scene, issuer: Issuer, algorithm: str) -> None:
    token = issuer.signed({"alg": algorithm, "kid": "one"}, issuer.claims())
    assert scene.why_not(token) == "the token is not signed by one of ES256, RS256, EdDSA"


def test_a_signature_of_another_curve_is_refused(scene: Scene) -> None:
    other = Issuer("ES384")
    text = f"{part({'alg': 'ES256', 'kid': 'one'})}.{part(other.claims())}"
    signature = part(other.private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    assert scene.why_not(f"{text}.{signature}") == "the signature of the token is not valid"


@pytest.mark.parametrize("signature", [b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"\0" * 65, b"\0", b"0" * 3000])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_of_any_bytes_is_refused(algorithm: str, signature: bytes) -> None:
    """One of zeros was valid for a flawed Java (CVE-2022-21449)."""
    issuer = Issuer(algorithm)
    text = issuer.token().rpartition(".")[0]
    assert Scene(issuer).why_not(f"{text}.{part(signature)}") == "the signature of the token is not valid"


def test_keys_that_a_token_brings_along_are_not_looked_at(scene: Scene, issuer: Issuer) -> None:
    attacker = Issuer()
    brought = {
        "jwk": attacker.jwk(),
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/c",
        "x5c": ["A"],
    }
    assert scene.why_not(attacker.token(brought)) == "the signature of the token is not valid"
    assert scene.caller(issuer.token(brought)).owner == "sub:alice"
    assert scene.keys.renewing == []


# -- which key --


def test_a_token_that_names_no_key_is_checked_with_the_only_one_that_fits() -> None:
    curve, number = Issuer("ES256", "one"), Issuer("RS256", "two")
    assert Scene(curve, number).caller(curve.token({"kid": None})).owner == "sub:alice"
    assert Scene(curve, number).caller(number.token({"kid": None})).owner == "sub:alice"
    ambiguous = Scene(curve, Issuer("ES256", "other"))
    assert "does not say which" in ambiguous.why_not(curve.token({"kid": None}))


@pytest.mark.parametrize(
    "kid", ["two", "../../one", "one\0", "one'; --", "/dev/null", "ONE", " one", "ö", "o" * 3000]
)
def test_a_key_that_is_not_known_is_refused(scene: Scene, issuer: Issuer, kid: str) -> None:
    assert scene.why_not(issuer.token({"kid": kid})) == "the key of the token is not known (kid)"


@pytest.mark.parametrize("kid", ["", 1, None, ["one"], {"a": 1}, True])
def test_a_key_is_named_by_a_text(scene: Scene, issuer: Issuer, kid: Any) -> None:
    token = issuer.signed({"alg": "ES256", "kid": kid}, issuer.claims())
    assert scene.why_not(token) == "the key that the token names (kid) is not a name"


def test_keys_of_one_name_do_not_stand_for_each_other() -> None:
    first, second = Issuer(), Issuer()
    assert "does not say which" in Scene(first, second).why_not(first.token())
    assert Scene(first, Issuer("RS256")).caller(first.token()).owner == "sub:alice"


# -- the form --


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_a_token_has_three_parts(scene: Scene, issuer: Issuer, count: int) -> None:
    parts = [*issuer.token().split("."), "AAAA", "AAAA"][:count]
    assert scene.why_not(".".join(parts)).startswith("the token is not a JWT")


@pytest.mark.parametrize(
    "damaged",
    [
        lambda token: token[:-1],
        lambda token: token[:-30],
        lambda token: token[1:],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: "." + token.partition(".")[2],
        lambda token: token.replace(".", "=.", 1),
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: token + "!",
        lambda token: token + "A",
        lambda token: token + "\xe9",
        lambda token: token.replace(".", "..", 1),
        lambda token: token.replace(".", " ", 1),
        lambda token: f"Bearer {token}",
        lambda token: "a" * 9000,
        lambda token: token + "A" * 100_000,
        lambda token: "A" * 4000 + token,
    ],
    ids=[*map(str, range(17))],
)
def test_a_damaged_token_is_refused(scene: Scene, issuer: Issuer, damaged: Callable[[str], str]) -> None:
    scene.why_not(damaged(issuer.token()))


def test_a_long_token_is_refused_before_it_is_decoded(scene: Scene, issuer: Issuer) -> None:
    assert scene.caller(issuer.token(note="x" * 5000))
    assert scene.why_not(issuer.token(note="x" * 7000)) == "the token is longer than 8 KiB"
    assert scene.why_not("!" * 100_000) == "the token is longer than 8 KiB"


DEEP = b"[" * 3000
NOT_OBJECTS = [
    b"",
    b"null",
    b"[]",
    b'"a"',
    b"1",
    b"{",
    b"{}x",
    b"\xff\xfe{}",
    '{"a":1}'.encode("utf-16"),
    DEEP,
]


@pytest.mark.parametrize(
    "text", [*NOT_OBJECTS, b'{"alg":"none","alg":"ES256","kid":"one"}'], ids=lambda t: t[:20]
)
def test_a_head_that_is_no_object_is_refused(scene: Scene, issuer: Issuer, text: bytes) -> None:
    scene.why_not(issuer.signed(text, issuer.claims()))


TWICE = b'{"sub":"root","iss":"%s","aud":"relay","exp":1900000000,"sub":"alice"}' % ISSUER.encode()
NOT_A_NUMBER = b'{"sub":"alice","iss":"%s","aud":"relay","exp":%%s}' % ISSUER.encode()


@pytest.mark.parametrize(
    "text", [*NOT_OBJECTS, TWICE, *(NOT_A_NUMBER % n for n in (b"NaN", b"Infinity", b"9" * 5000))]
)
def test_claims_that_are_no_object_are_refused_though_they_are_signed(
    scene: Scene, issuer: Issuer, text: bytes
) -> None:
    scene.why_not(issuer.signed({"alg": "ES256", "kid": "one"}, text))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-be"])
def test_claims_are_in_utf_8(scene: Scene, issuer: Issuer, encoding: str) -> None:
    claims = json.dumps(issuer.claims()).encode(encoding)
    assert scene.why_not(issuer.signed({"alg": "ES256", "kid": "one"}, claims)) == "the token is malformed"


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"01", b"'a'"])
def test_what_is_not_json_is_refused_wherever_it_stands(scene: Scene, issuer: Issuer, value: bytes) -> None:
    claims = json.dumps(issuer.claims()).encode()[:-1] + b', "note": ' + value + b"}"
    assert scene.why_not(issuer.signed({"alg": "ES256", "kid": "one"}, claims)) == "the token is malformed"


@pytest.mark.parametrize(
    "extension", [{"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": False}]
)
def test_extensions_are_refused(scene: Scene, issuer: Issuer, extension: dict[str, Any]) -> None:
    token = issuer.signed({"alg": "ES256", "kid": "one", **extension}, issuer.claims())
    assert "extensions" in scene.why_not(token)


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_tokens_for_access_are_taken(scene: Scene, issuer: Issuer, kind: str) -> None:
    assert scene.caller(issuer.token({"typ": kind}))


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", 1, None])
def test_tokens_for_something_else_are_refused(scene: Scene, issuer: Issuer, kind: Any) -> None:
    token = issuer.signed({"alg": "ES256", "kid": "one", "typ": kind}, issuer.claims())
    assert scene.why_not(token) == "the token is not one for access (typ)"


# -- the claims --


@pytest.mark.parametrize(
    "issued", [None, "", ISSUER[:-1], ISSUER.upper(), ISSUER + "/", [ISSUER], 1, {"a": 1}]
)
def test_the_issuer_is_exactly_the_one_that_was_set(scene: Scene, issuer: Issuer, issued: Any) -> None:
    token = issuer.signed({"alg": "ES256", "kid": "one"}, issuer.claims(iss=issued))
    assert scene.why_not(token) == "the token is of another issuer (iss)"


@pytest.mark.parametrize("audience", ["relay", ["relay"], ["other", "relay"]])
def test_the_audience_is_a_text_or_a_list(scene: Scene, issuer: Issuer, audience: Any) -> None:
    assert scene.caller(issuer.token(aud=audience))


@pytest.mark.parametrize(
    "audience", [None, "", "Relay", "relays", [], ["other"], ["relay", 1], [["relay"]], {"relay": 1}, 1, True]
)
def test_a_token_for_others_is_refused(scene: Scene, issuer: Issuer, audience: Any) -> None:
    assert scene.why_not(issuer.token(aud=audience)) == "the token is not for this relay (aud)"


@pytest.mark.parametrize(
    "end", [True, "1900000000", [1_900_000_000], {}, -1, 1e300, 10**40, NOW * 1000, 253_402_300_800]
)
def test_an_end_that_is_no_time_is_refused(scene: Scene, issuer: Issuer, end: Any) -> None:
    token = issuer.signed({"alg": "ES256", "kid": "one"}, issuer.claims(exp=end))
    assert scene.why_not(token) == "a time of the token is malformed (exp)"


def test_a_token_has_an_end(scene: Scene, issuer: Issuer) -> None:
    assert scene.why_not(issuer.token(exp=None)) == "the token has no end (exp)"
    token = issuer.signed({"alg": "ES256", "kid": "one"}, {**issuer.claims(), "exp": None})
    assert scene.why_not(token) == "a time of the token is malformed (exp)"


def test_clocks_may_differ_by_the_skew(issuer: Issuer) -> None:
    scene = Scene(issuer, jwt_skew=30)
    assert scene.caller(issuer.token(exp=NOW - 29.5))
    assert scene.why_not(issuer.token(exp=NOW - 30)) == "the token has expired (exp)"
    assert scene.caller(issuer.token(nbf=NOW + 30, iat=NOW + 30))
    assert scene.why_not(issuer.token(nbf=NOW + 31)) == "the token is not valid yet (nbf)"
    assert scene.why_not(issuer.token(iat=NOW + 31)) == "the token was issued in the future (iat)"
    exact = Scene(issuer, jwt_skew=0)
    assert exact.why_not(issuer.token(exp=NOW)) == "the token has expired (exp)"
    assert exact.caller(issuer.token(exp=NOW + 0.5, iat=NOW, nbf=NOW))


@pytest.mark.parametrize("name", ["nbf", "iat"])
@pytest.mark.parametrize("time", ["soon", True, None, -5, 1e300, []])
def test_other_times_are_numbers_too(scene: Scene, issuer: Issuer, name: str, time: Any) -> None:
    token = issuer.signed({"alg": "ES256", "kid": "one"}, {**issuer.claims(), name: time})
    assert scene.why_not(token) == f"a time of the token is malformed ({name})"


@pytest.mark.parametrize(
    "subject", ["a", "auth0|5f7c8ec7c33c6c004bbafe82", "Ålice", "a" * 255, "*", "sub:alice"]
)
def test_a_subject_is_the_owner(scene: Scene, issuer: Issuer, subject: str) -> None:
    assert scene.caller(issuer.token(sub=subject)).owner == f"sub:{subject}"


@pytest.mark.parametrize(
    "subject", [None, "", 1, True, ["alice"], "a" * 300, "a\nb", "a\0", "\u202ealice", "\ud800"]
)
def test_a_subject_is_a_printable_text(scene: Scene, issuer: Issuer, subject: Any) -> None:
    token = issuer.signed({"alg": "ES256", "kid": "one"}, issuer.claims(sub=subject))
    assert "(sub)" in scene.why_not(token)


# -- the jobs --


@pytest.mark.parametrize("jobs", [["echo", "s3_*"], "echo s3_*", " echo\ts3_* "])
def test_a_claim_names_the_jobs(issuer: Issuer, jobs: Any) -> None:
    caller = Scene(issuer, jwt_jobs="https://example.com/jobs").caller(
        issuer.token(**{"https://example.com/jobs": jobs})
    )
    assert [caller.may_call(name) for name in ("echo", "s3_put", "sleep")] == [True, True, False]


@pytest.mark.parametrize(
    "jobs", [None, "", [], 1, True, {}, {"echo": 1}, ["echo", 1], ["Echo"], "echo:*", [["echo"]], ["a"] * 101]
)
def test_a_claim_that_is_missing_or_malformed_names_no_job(issuer: Issuer, jobs: Any) -> None:
    caller = Scene(issuer, jwt_jobs="jobs").caller(issuer.token(jobs=jobs))
    assert caller.jobs == JobPatterns(())
    assert not caller.may_call("echo")


def test_a_pattern_never_takes_long() -> None:
    """The claim may be what a user chose."""
    assert "a" * 64 not in JobPatterns.parse(["*a" * 31 + "*b"])


# -- what is remembered --


def test_a_token_that_was_checked_is_recalled_until_it_ends(scene: Scene, issuer: Issuer) -> None:
    token = issuer.token(exp=NOW + 100)
    assert scene.recalled(token) is None
    caller = scene.caller(token)
    scene.now = NOW + 129
    assert scene.recalled(token) is caller
    scene.now = NOW + 130
    assert scene.recalled(token) is None
    assert scene.why_not(token) == "the token has expired (exp)"


def test_only_the_whole_token_is_recalled(scene: Scene, issuer: Issuer) -> None:
    token = issuer.token()
    scene.caller(token)
    changed = token.rpartition(".")[0] + "." + part(b"x" * 64)
    for other in (token[:-1], token + "A", token.upper(), changed, "rly_" + token):
        assert scene.recalled(other) is None
    assert scene.recalled(token)


def test_a_key_that_has_gone_takes_its_tokens_with_it(scene: Scene, issuer: Issuer) -> None:
    token, new = issuer.token(), Issuer(kid="two")
    scene.caller(token)
    scene.keys.now_has(issuer.jwk(), new.jwk())
    assert scene.recalled(token)
    scene.keys.now_has(new.jwk())
    assert scene.recalled(token) is None
    assert scene.why_not(token) == "the key of the token is not known (kid)"


def test_a_key_that_was_replaced_under_its_name_takes_its_tokens_with_it(
    scene: Scene, issuer: Issuer
) -> None:
    token = issuer.token()
    scene.caller(token)
    scene.keys.now_has(Issuer().jwk())
    assert scene.recalled(token) is None
    assert scene.why_not(token) == "the signature of the token is not valid"


# -- keys that are not there --


def test_without_keys_nobody_can_say_whether_a_token_is_valid(issuer: Issuer) -> None:
    scene = Scene()
    with pytest.raises(KeysAway):
        scene.check.identify(asked(issuer.token()))
    assert scene.recalled(issuer.token()) is None


def test_a_token_that_can_not_be_valid_is_refused_without_keys(issuer: Issuer) -> None:
    assert Scene().why_not(issuer.signed({"alg": "none"}, issuer.claims()))


def test_a_token_of_a_new_key_waits_for_it(scene: Scene) -> None:
    new = Issuer(kid="two")
    scene.keys.can_renew = True
    waiting = scene.check.identify(asked(new.token()))
    assert isinstance(waiting, Deferred)
    assert not waiting.called
    scene.keys.now_has(new.jwk())
    scene.keys.renewing[0].callback(None)
    found: list[Any] = []
    waiting.addCallback(found.append)
    assert found == [Caller("sub:alice", name="sub:alice", allowance=DEFAULTS)]


@pytest.mark.parametrize(("away", "error"), [(False, Unauthorized), (True, KeysAway)])
def test_a_key_that_does_not_come_is_unknown_unless_the_provider_is_away(
    scene: Scene, away: bool, error: type[Exception]
) -> None:
    scene.keys.can_renew = True
    waiting = scene.check.identify(asked(Issuer(kid="two").token()))
    assert isinstance(waiting, Deferred)
    scene.keys.away = away
    scene.keys.renewing[0].callback(None)
    failed: list[Any] = []
    waiting.addErrback(lambda failure: failed.append(failure.type))
    assert failed == [error]


def test_known_keys_go_on_while_the_provider_is_away(scene: Scene, issuer: Issuer) -> None:
    scene.keys.away = True
    assert scene.caller(issuer.token())
    assert scene.keys.renewing == []


# -- whatever is sent --

GOOD = Issuer()
FUZZED = Scene(GOOD)


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=200))
@settings(max_examples=120, deadline=None)
def test_no_text_is_more_than_refused(text: str) -> None:
    try:
        found = FUZZED.check.identify(asked(text))
    except (Unauthorized, Malformed):
        return
    assert found is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "cty", "zip"]), JSON), JSON
)
@settings(max_examples=120, deadline=None)
def test_no_head_of_any_values_is_more_than_refused(head: dict[str, Any], claims: Any) -> None:
    with pytest.raises(Unauthorized):
        FUZZED.check.identify(asked(GOOD.signed(head, claims)))


@given(st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "jobs"]), JSON, min_size=1))
@settings(max_examples=120, deadline=None)
def test_signed_claims_of_any_values_make_a_caller_or_are_refused(claims: dict[str, Any]) -> None:
    token = GOOD.signed({"alg": "ES256", "kid": "one"}, {**GOOD.claims(), **claims})
    try:
        caller = FUZZED.check.identify(asked(token))
    except Unauthorized:
        return
    assert isinstance(caller, Caller)
    assert caller.owner == f"sub:{claims.get('sub', 'alice')}"
