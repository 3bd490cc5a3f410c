#!/bin/sh
# Seals a secret under the TPM's storage hierarchy and unseals it again: `seal.sh`, with TPM2TOOLS_TCTI as tpm2-tools want it.
# It says what it could not do, and leaves nothing behind.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo "a secret" >secret
tpm2_createprimary -Q -C o -c primary.ctx
tpm2_create -Q -C primary.ctx -i secret -u sealed.pub -r sealed.priv
tpm2_flushcontext -t
tpm2_load -Q -C primary.ctx -u sealed.pub -r sealed.priv -c sealed.ctx
tpm2_flushcontext -t
tpm2_unseal -Q -c sealed.ctx -o unsealed
tpm2_flushcontext -t
cmp secret unsealed
echo "the secret is as it was"
