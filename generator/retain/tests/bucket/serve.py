"""S3 as moto has it, with one key (id and secret are given) whose signatures and rights are looked at. Says its port; then does what
a line of JSON asks for and answers with another, until nobody can write to it any more."""

import base64
import json
import sys
import threading

import boto3
from moto import settings
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "cold.example"


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections are kept.

    def log(self, *_):
        pass


def serve(certificate=None):
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler, ssl_context=certificate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.port


port = serve()
way = {"endpoint_url": f"http://127.0.0.1:{port}", "region_name": "eu-central-1"}
way |= {"aws_access_key_id": "anybody", "aws_secret_access_key": "anybody"}
iam, s3 = boto3.client("iam", **way), boto3.client("s3", **way)


def may(*actions):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="archiver", PolicyName="may", PolicyDocument=policy)


iam.create_user(UserName="archiver")
may("s3:PutObject", "s3:GetObject")
iam.create_access_key(UserName="archiver")
key = iam_backends["123456789012"]["aws"].get_user("archiver").access_keys[0]
key.access_key_id, key.secret_access_key = sys.argv[1:]
s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
print(port, flush=True)

for line in sys.stdin:
    do, *given = json.loads(line)
    # What the test itself does needs no right.
    settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
    answer = None
    if do == "may":
        may(*given)
    elif do == "put":
        s3.put_object(Bucket=BUCKET, Key=given[0], Body=base64.b64decode(given[1]))
    elif do == "tls":
        answer = serve(tuple(given))
    elif do == "list":
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=given[0]).get("Contents", [])
        bodies = ((each["Key"], s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()) for each in found)
        answer = {name: base64.b64encode(body).decode() for name, body in bodies}
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    print(json.dumps(answer), flush=True)
