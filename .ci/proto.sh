#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Generate control/xdpair/api from proto/. With --check, only compare with what is committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

API=xdpair/api/v1

generate() { # generate OUT
	.venv/bin/python -m grpc_tools.protoc -Iproto \
		--python_out="$1" --pyi_out="$1" --grpc_python_out="$1" proto/$API/*.proto
}

case ${1-} in
"")
	rm -f control/$API/*_pb2*.py control/$API/*_pb2*.pyi # of protos that are gone, too
	generate control
	echo "proto: control/$API is generated"
	;;
--check)
	fresh=$(mktemp -d)
	trap 'rm -rf "$fresh"' EXIT
	generate "$fresh"
	if ! diff -ru --exclude=__init__.py --exclude=__pycache__ control/$API "$fresh/$API"; then
		echo "proto: control/$API differs from what proto/ generates; run 'make proto'" >&2
		exit 1
	fi
	;;
*)
	echo "usage: $0 [--check]" >&2
	exit 2
	;;
esac
