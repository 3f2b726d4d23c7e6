#!/usr/bin/env bash
# Makes the Entra application of application.json in the tenant that `az login` is signed in to. An administrator reads application.json
# first: it is all that is asked for. Permissions stand there by name; their ids are looked up in the tenant.
#
#   bash infra/azure/create-application.sh --redirect https://cosell.example.com/consent/callback [--offers] [--dry-run]
#
# With --offers the marketplace's own application is made known to the tenant: without it no token can be got for SaaS fulfillment. It is
# given nothing.
#
# Needs: az (signed in as Application Administrator; admin consent needs Privileged Role Administrator), jq.
set -euo pipefail

manifest="$(dirname "$0")/application.json"
redirect=""
dry_run=false
offers=false
marketplace=20e940b3-4c77-4b0b-9a53-9e16a1b010a7
while [ $# -gt 0 ]; do
  case "$1" in
    --redirect) redirect="$2"; shift 2 ;;
    --offers) offers=true; shift ;;
    --dry-run) dry_run=true; shift ;;
    *) echo "error: $1 is unknown; use --redirect <https address>, --offers and --dry-run" >&2; exit 2 ;;
  esac
done
case "$redirect" in
  https://*/consent/callback | http://localhost:*/consent/callback) ;;
  *) echo "error: --redirect must be the service's public address followed by /consent/callback" >&2; exit 2 ;;
esac

body="$(jq --arg redirect "$redirect" '.web.redirectUris = [$redirect]' "$manifest")"
for resource in $(jq -r '.requiredResourceAccess[].resourceAppId' "$manifest"); do
  if "$dry_run"; then
    echo "would look up user_impersonation of $resource" >&2
    continue
  fi
  # The API's service principal is in the tenant only once somebody has used it.
  az ad sp show --id "$resource" >/dev/null 2>&1 || az ad sp create --id "$resource" >/dev/null
  for value in $(jq -r --arg id "$resource" '.requiredResourceAccess[] | select(.resourceAppId == $id).resourceAccess[].value' "$manifest"); do
    scope="$(az ad sp show --id "$resource" --query "oauth2PermissionScopes[?value=='$value'].id | [0]" --output tsv)"
    [ -n "$scope" ] || { echo "error: $resource has no permission $value in this tenant" >&2; exit 1; }
    body="$(jq --arg id "$resource" --arg value "$value" --arg scope "$scope" \
      '(.requiredResourceAccess[] | select(.resourceAppId == $id).resourceAccess[] | select(.value == $value)) = {id: $scope, type: "Scope"}' <<<"$body")"
  done
done

if "$dry_run"; then
  if "$offers"; then echo "would make the marketplace's application $marketplace known to the tenant" >&2; fi
  echo "$body"
  exit 0
fi
if "$offers"; then az ad sp show --id "$marketplace" >/dev/null 2>&1 || az ad sp create --id "$marketplace" >/dev/null; fi
client_id="$(az rest --method POST --url https://graph.microsoft.com/v1.0/applications --body "$body" --query appId --output tsv)"
az ad sp create --id "$client_id" >/dev/null
az ad app permission admin-consent --id "$client_id"
tenant_id="$(az account show --query tenantId --output tsv)"
cat <<TEXT
client id  $client_id
tenant id  $tenant_id
A secret, shown once; give it to cosell as AZURE_CLIENT_SECRET and write its end date down:
  az ad app credential reset --id $client_id --append --display-name cosell --years 1 --query password --output tsv
Then: cosell connect azure --organization <id> --tenant $tenant_id --client-id $client_id
TEXT
if "$offers"; then cat <<TEXT
For private offers: add client id $client_id in Partner Center (Account settings, User management, Microsoft Entra applications) with the
role Manager, name it in the technical configuration of your SaaS offers, and connect with --offers <e-mail>.
TEXT
fi
