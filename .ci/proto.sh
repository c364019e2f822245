#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Generate control/xdpair/api from proto/. With --check, only compare with what is committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

API=xdpair/api/v1
RULES=buf/validate # on PyPI nobody brings the module that belongs to this proto; ours is our own

generate() { # generate OUT
	.venv/bin/python -m grpc_tools.protoc -Iproto \
		--python_out="$1" --pyi_out="$1" --grpc_python_out="$1" proto/$API/*.proto
	mkdir -p "$1/xdpair/api"
	.venv/bin/python -m grpc_tools.protoc -Iproto \
		--python_out="$1/xdpair/api" --pyi_out="$1/xdpair/api" proto/$RULES/*.proto
	sed -i 's/^from buf\.validate import/from xdpair.api.buf.validate import/' "$1/$API"/*_pb2.py*
}

case ${1-} in
"")
	rm -f control/$API/*_pb2*.py control/$API/*_pb2*.pyi # of protos that are gone, too
	rm -rf control/xdpair/api/buf
	generate control
	echo "proto: control/xdpair/api is generated"
	;;
--check)
	fresh=$(mktemp -d)
	trap 'rm -rf "$fresh"' EXIT
	generate "$fresh"
	if ! diff -ru --exclude=__init__.py --exclude=__pycache__ control/xdpair/api "$fresh/xdpair/api"; then
		echo "proto: control/xdpair/api differs from what proto/ generates; run 'make proto'" >&2
		exit 1
	fi
	;;
*)
	echo "usage: $0 [--check]" >&2
	exit 2
	;;
esac
