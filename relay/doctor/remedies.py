"""What to write where, by what is wrong and by what stands in front of relay."""

from __future__ import annotations

from collections.abc import Mapping

#: by fault, then by the program as it names itself (in small letters), what to set there
REMEDIES: Mapping[str, Mapping[str, str]] = {
    "buffering": {
        "nginx": "proxy_buffering off;",
        "haproxy": "no option http-buffer-request; no filter that waits for whole answers",
        "envoy": "no envoy.filters.http.buffer on this route",
        "apache": "ProxyPass … flushpackets=on",
        "cloudfront": "nothing: CloudFront passes on what comes; look behind it",
        "cloudflare": "no Response Buffering (Enterprise), no Workers that read the whole body",
    },
    "compression": {
        "nginx": "gzip off; (and brotli off;) in the location of /jobs/",
        "haproxy": "no `compression algo` in this backend, or `compression offload` without application/json",
        "envoy": "no envoy.filters.http.compressor on this route",
        "apache": "SetEnv no-gzip 1",
        "cloudfront": "Compress: false in the cache behaviour",
        "cloudflare": "a Compression Rule that disables compression for /jobs/*",
    },
    "http/1.0": {
        "nginx": 'proxy_http_version 1.1; proxy_set_header Connection "";',
        "apache": "no SetEnv force-proxy-request-1.0",
    },
    "request headers": {
        "nginx": 'no proxy_pass_request_headers off; no proxy_set_header NAME ""; for these headers',
        "haproxy": "no `http-request del-header` for these headers",
        "cloudfront": "an origin request policy that passes on all viewer headers (AllViewer)",
        "envoy": "no request_headers_to_remove for these headers",
    },
    "answer headers": {
        "nginx": "no proxy_hide_header for these headers",
        "haproxy": "no `http-response del-header` for these headers",
        "cloudfront": "no response headers policy that removes these headers",
    },
    "forged address": {
        "nginx": "proxy_set_header X-Forwarded-For $remote_addr;",
        "haproxy": "http-request del-header X-Forwarded-For, then option forwardfor or send-proxy-v2",
        "envoy": "use_remote_address: true, xff_num_trusted_hops: 0",
    },
    "no address": {
        "nginx": "proxy_set_header X-Forwarded-For $remote_addr;",
        "haproxy": "option forwardfor, or send-proxy-v2 to a front that listens with haproxy:",
    },
    "resent": {
        "nginx": "no `non_idempotent` in proxy_next_upstream, except for requests with a key (deploy/nginx.conf)",
        "haproxy": "http-request disable-l7-retry if METH_POST !{ req.hdr(Idempotency-Key) -m found }",
        "envoy": "no retry_policy on POST, or retry_on: connect-failure alone",
        "cloudfront": "nothing to set; have clients send an Idempotency-Key (relay: --require-key)",
    },
    "body": {
        "nginx": "client_max_body_size above relay's --body-limit, such as 8m;",
        "haproxy": "no `http-request deny` by req.body_size or Content-Length below relay's --body-limit",
        "envoy": "max_request_bytes of envoy.filters.http.buffer above relay's --body-limit",
        "cloudflare": "nothing to set: the limit is that of your plan (100 MB and more)",
    },
    "silence": {
        "nginx": "proxy_read_timeout above relay's --max-wait, such as 610s; (and send_timeout)",
        "haproxy": "timeout server and timeout client above relay's --max-wait, such as 610s",
        "envoy": "stream_idle_timeout: 610s, and the route's idle_timeout",
        "apache": "ProxyTimeout 610, and Timeout 610",
        "awselb": "idle_timeout.timeout_seconds = 610 of the load balancer",
        "cloudflare": "nothing to set on most plans (100 s): have heartbeats come more often",
        "cloudfront": "Response timeout (origin read timeout) of the origin: 60 s, more by quota",
    },
    "total": {
        "envoy": "timeout: 0s of the route",
        "haproxy": "nothing of HAProxy's own cuts this; look at what stands before or behind it",
        "google": "timeoutSec of the backend service: 610",
        "nginx": "nothing of nginx' own cuts this; look at what stands before or behind it",
        "cloudfront": "Response completion timeout of the origin: above relay's --max-wait, or not set",
    },
}


def remedies(fault: str, maker: str) -> tuple[str, ...]:
    """What to set: for this program, or for all that are known where it is none of them."""
    known = REMEDIES[fault]
    for name, what in known.items():
        if name in maker.lower():
            return (f"{name}: {what}",)
    return tuple(f"{name}: {what}" for name, what in known.items())
