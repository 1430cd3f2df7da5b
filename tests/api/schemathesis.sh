#!/usr/bin/env bash
# Asks a fresh server everything its own description allows, and much that it does not: no 5xx, no answer the description
# does not know. Needs schemathesis 4 (pip install schemathesis, in a folder of its own) and a built cartback.
#
#   SCHEMATHESIS=/path/to/schemathesis tests/api/schemathesis.sh [further arguments of `schemathesis run`]
#
# CARTBACK (the binary), PORT, CASES (per operation and phase), SEED and CARTBACK_DATABASE_URL may be set. Leaves nothing
# behind but the report, whose place it names.
set -euo pipefail
cd "$(dirname "$0")/../.."

CARTBACK=${CARTBACK:-target/debug/cartback}
SCHEMATHESIS=${SCHEMATHESIS:-schemathesis}
PORT=${PORT:-8111}
CASES=${CASES:-100}
SEED=${SEED:-1}
command -v "$SCHEMATHESIS" >/dev/null || { echo "schemathesis is not there: pip install schemathesis, or name it in SCHEMATHESIS" >&2; exit 2; }
command -v "$CARTBACK" >/dev/null || { echo "$CARTBACK is not there: cargo build, or name it in CARTBACK" >&2; exit 2; }

SCHEMATHESIS=$(realpath "$(command -v "$SCHEMATHESIS")")

folder=$(mktemp -d)
server=
clean_up() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  rm -rf "$folder"
}
trap clean_up EXIT

export CARTBACK_DATA="$folder/data" CARTBACK_LISTEN="127.0.0.1:$PORT" CARTBACK_API_REQUESTS=1000000
export CARTBACK_LOG=warn
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

secret="whsec_$(head -c 32 /dev/urandom | base64)"
shop=$("$CARTBACK" shop add generic --name "Lumen & Oak" --country SI --currency EUR --timezone Europe/Ljubljana \
  --set "secret=$secret" --set site=shop.example --set limits.allow_tests=yes --json)
hook=$(echo "$shop" | field webhook_url)
"$CARTBACK" gateway add log >/dev/null
# The house's token may do everything; which shop it means stands in a header.
token=$("$CARTBACK" token create --shop 0 --name schemathesis --json \
  --scope read --scope people --scope write --scope send --scope house | field token)

"$CARTBACK" serve >"$folder/log" 2>&1 &
server=$!
for _ in $(seq 100); do
  curl -fs "http://127.0.0.1:$PORT/readyz" >/dev/null && break
  kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 2; }
  sleep 0.1
done

# Something to look at: carts, and an order of one.
python3 - "$hook" "$secret" <<'PYTHON'
import base64, datetime, hashlib, hmac, json, sys, time, urllib.error, urllib.request

hook, secret = sys.argv[1], base64.b64decode(sys.argv[2].removeprefix("whsec_"))

def tell(number, body):
    body, at = json.dumps(body).encode(), str(int(time.time()))
    signed = hmac.new(secret, b".".join([number.encode(), at.encode(), body]), hashlib.sha256).digest()
    headers = {"webhook-id": number, "webhook-timestamp": at, "content-type": "application/json",
               "webhook-signature": "v1," + base64.b64encode(signed).decode()}
    for _ in range(20):
        try:
            return urllib.request.urlopen(urllib.request.Request(hook, body, headers)).read()
        except urllib.error.HTTPError as error:
            # A machine with much else to do may be busy; a shop comes again too.
            if error.code != 503:
                raise
            time.sleep(1)
    sys.exit("the server stays busy")

now = datetime.datetime.now(datetime.timezone.utc)
for number in range(12):
    at = (now - datetime.timedelta(minutes=50 - number)).isoformat()
    phone = f"+3864055{number:04}"
    tell(f"cart-{number}", {"type": "checkout.updated", "data": {
        "token": f"chk_{number}", "first_name": "Ana", "email": f"ana{number}@example.com", "phone": phone, "country": "SI",
        "currency": "EUR", "total": "64.90", "items": [{"title": "Cup", "quantity": 1, "price": "64.90"}],
        "recovery_url": f"https://shop.example/checkout/{number}", "started_at": at, "updated_at": at,
        "consent": {"state": "granted", "level": "double_opt_in", "source": "shop.example", "text": "Text me"}}})
tell("order-1", {"type": "order.upserted", "data": {
    "id": "9001", "number": "#1093", "person": {"phone": "+38640550001"}, "phone": "+38640550001", "checkout_token": "chk_1",
    "currency": "EUR", "total": "64.90", "status": "paid", "placed_at": now.isoformat(), "updated_at": now.isoformat()}})
PYTHON
sleep 2

report=$(realpath "${REPORT:-$(mktemp -d)}")
# Not asked: whether every body that fits the schema is taken (a phone number that is none fits it too), and whether ids of
# one's own making are found.
status=0
# It keeps notes where it is run.
cd "$folder"
"$SCHEMATHESIS" run "http://127.0.0.1:$PORT/api/v1/openapi.json" --url "http://127.0.0.1:$PORT" \
  -H "Authorization: Bearer $token" -H "Cartback-Shop: 1" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth \
  --max-examples "$CASES" --seed "$SEED" --workers 2 --no-color --continue-on-failure \
  --report junit,ndjson --report-dir "$report" "$@" || status=$?
if grep -E "a request failed|panicked" "$folder/log"; then
  echo "something broke, see above" >&2
  status=1
fi
echo "the report is in $report"
exit "$status"
