#!/usr/bin/env bash
# What a Google Cloud project needs for cosell. It may be run again: what is there is left as it is.
#
#   bash infra/gcp/setup.sh --project my-partner-public [--key key.json] [--surface channel|crm_partners]
#   bash infra/gcp/setup.sh --project my-partner-public --offers --topic projects/cloudcommerceproc-prod/topics/my-partner \
#     --push-endpoint https://cosell.example.com/hooks/con_… --key key.json
#   bash infra/gcp/setup.sh --project my-partner-public --reports my-marketplace-reports
#
# Co-sell needs a service account and one enabled API, and no IAM role at all: the right to register deals is the role
# Integrator, which Google gives in Partner Network Hub. --offers adds what private offers and orders need: two enabled APIs, the
# role that makes offers in the project of the products, and the push subscription for Marketplace's events, signed with OIDC, never
# expiring, with a dead-letter topic. Google owns the topic, and takes a subscription to it only from the service account that is
# linked in Producer Portal, so that step signs in with its key. --reports lets the service account read the bucket that Google's
# marketplace writes your reports into, and nothing else there.
set -euo pipefail

project="" account="cosell-integrator" surface="channel" key="" offers="" topic="" endpoint="" reports=""
while [[ $# -gt 0 ]]; do
  case "$1" in
    --project) project="${2:?--project needs a project id}"; shift 2 ;;
    --service-account) account="${2:?--service-account needs a name}"; shift 2 ;;
    --surface) surface="${2:?--surface needs channel or crm_partners}"; shift 2 ;;
    --key) key="${2:?--key needs a file name}"; shift 2 ;;
    --offers) offers="yes"; shift ;;
    --reports) reports="${2:?--reports needs the name of a bucket}"; shift 2 ;;
    --topic) topic="${2:?--topic needs the topic that Producer Portal names}"; shift 2 ;;
    --push-endpoint) endpoint="${2:?--push-endpoint needs an https address}"; shift 2 ;;
    *) echo "setup.sh: $1 is unknown; see the head of this file" >&2; exit 2 ;;
  esac
done
[[ -n "$project" ]] || { echo "setup.sh: --project is missing" >&2; exit 2; }
case "$surface" in
  channel) api="cloudchannel.googleapis.com" ;;
  crm_partners) api="cloudcrmpartners.googleapis.com" ;;
  *) echo "setup.sh: --surface is channel or crm_partners, not $surface" >&2; exit 2 ;;
esac
if [[ -n "$offers" ]]; then
  [[ "$topic" =~ ^projects/[^/]+/topics/[^/]+$ ]] || { echo "setup.sh: --offers needs --topic projects/…/topics/…" >&2; exit 2; }
  [[ "$endpoint" == https://* ]] || { echo "setup.sh: --offers needs --push-endpoint https://…" >&2; exit 2; }
  [[ -n "$key" ]] || { echo "setup.sh: --offers needs --key: the subscription is made by the service account itself" >&2; exit 2; }
fi

g() { gcloud --project "$project" --quiet "$@"; }
there() { g "$@" >/dev/null 2>&1; }
member="$account@$project.iam.gserviceaccount.com"

g services enable iam.googleapis.com "$api"
there iam service-accounts describe "$member" ||
  g iam service-accounts create "$account" --display-name "cosell: registers deals with Google"
if [[ -n "$key" && ! -e "$key" ]]; then
  (umask 077 && g iam service-accounts keys create "$key" --iam-account "$member")
fi

if [[ -n "$reports" ]]; then
  g storage buckets add-iam-policy-binding "gs://$reports" --member "serviceAccount:$member" --role roles/storage.objectViewer >/dev/null
fi

if [[ -n "$offers" ]]; then
  push="cosell-push@$project.iam.gserviceaccount.com"
  undelivered="cosell-offer-events-undelivered"
  subscription="cosell-offer-events"
  g services enable pubsub.googleapis.com cloudcommerceprocurement.googleapis.com commerceproducer.googleapis.com
  there iam service-accounts describe "$push" ||
    g iam service-accounts create cosell-push --display-name "cosell: signs pushed events"
  number="$(g projects describe "$project" --format 'value(projectNumber)')"
  agent="serviceAccount:service-$number@gcp-sa-pubsub.iam.gserviceaccount.com"
  # Pub/Sub itself signs the pushed token, and moves what could not be delivered.
  g iam service-accounts add-iam-policy-binding "$push" --member "$agent" --role roles/iam.serviceAccountTokenCreator >/dev/null
  there pubsub topics describe "$undelivered" || g pubsub topics create "$undelivered" --message-retention-duration 14d
  g pubsub topics add-iam-policy-binding "$undelivered" --member "$agent" --role roles/pubsub.publisher >/dev/null
  # What makes private offers. A project whose products Google has not set up yet may not have the role.
  g projects add-iam-policy-binding "$project" --member "serviceAccount:$member" --role roles/commerceproducer.admin --condition None >/dev/null ||
    echo "setup.sh: roles/commerceproducer.admin could not be given; give it in Producer Portal's project later" >&2
  # The least that makes and keeps a subscription in this project, and lets it be pushed with the other account's name.
  g projects add-iam-policy-binding "$project" --member "serviceAccount:$member" --role roles/pubsub.editor --condition None >/dev/null
  g iam service-accounts add-iam-policy-binding "$push" --member "serviceAccount:$member" --role roles/iam.serviceAccountUser >/dev/null
  if ! there pubsub subscriptions describe "$subscription"; then
    CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE="$key" g pubsub subscriptions create "$subscription" --topic "$topic" \
      --push-endpoint "$endpoint" --push-auth-service-account "$push" --push-auth-token-audience "$endpoint" \
      --ack-deadline 60 --min-retry-delay 10s --max-retry-delay 600s --expiration-period never \
      --message-retention-duration 7d --dead-letter-topic "projects/$project/topics/$undelivered" --max-delivery-attempts 20
  fi
  g pubsub subscriptions add-iam-policy-binding "$subscription" --member "$agent" --role roles/pubsub.subscriber >/dev/null
  cat <<PUSHED
Events are pushed to $endpoint, signed as $push for the audience $endpoint.
Tell the connection what to expect:
  cosell connect gcp --partner <partner id> --key $key --project $project --push-email $push --push-audience $endpoint
PUSHED
fi

cat <<NEXT
The service account is $member.
1. Ask your Google partner manager to invite it in Partner Network Hub (partners.cloud.google.com) with the role Integrator.
2. Read the partner id on the Hub's Account page.
3. cosell connect gcp --partner <partner id> --key ${key:-key.json} --accept-terms --dry-run
Until Google has given the role: cosell connect gcp --partner <partner id> --assisted --accept-terms
NEXT
