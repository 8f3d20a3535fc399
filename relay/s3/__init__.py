"""S3, and other servers with its API, for handlers: botocore signs the requests, ``context.http`` sends them.

::

    from relay import Context, job
    from relay.s3 import PROBLEMS, S3

    @job(timeout=60, retries=3, problems=PROBLEMS)
    async def keep(context: Context, user: int, picture: bytes) -> str:
        s3 = S3(context)
        await s3.put(f"pictures/{user}", picture, "image/png")
        return await s3.presign("GET", f"pictures/{user}")

=============  ======================================================================================================
`client`       `S3`: reads, writes, lists and deletes objects of one bucket
`bucket`       a bucket, and one signed request
`upload`       an upload in parts
`replies`      what S3 answers, and what it refuses with
=============  ======================================================================================================

Settings (``--set NAME=VALUE``), each with its default:

===================  ================================================================================================
``s3_buckets``       the buckets that jobs may use, joined by commas; the first is meant where a job names none
``s3_endpoint``      ``https://minio.example:9000``; ``AWS_ENDPOINT_URL_S3``, else Amazon's
``s3_region``        ``AWS_REGION``, ``AWS_DEFAULT_REGION``, else ``us-east-1``
``s3_access_key``    with ``s3_secret_key``; what botocore finds: environment, files, the machine's role
===================  ================================================================================================
"""

from relay.s3.bucket import Bucket, check_key
from relay.s3.client import LIMIT, PROBLEMS, S3
from relay.s3.replies import BucketRefused, S3Error, S3Object, S3Reply, Stored

__all__ = [
    "LIMIT",
    "PROBLEMS",
    "S3",
    "Bucket",
    "BucketRefused",
    "S3Error",
    "S3Object",
    "S3Reply",
    "Stored",
    "check_key",
]
