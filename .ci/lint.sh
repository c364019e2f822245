#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every static check, each to its end; fails if any did. With --fix, format and repair instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/.venv/bin:$PATH

failed=()

check() { # check NAME COMMAND...
	local name=$1 start=$SECONDS
	shift
	if "$@"; then
		printf 'lint: %-14s ok (%d s)\n' "$name" $((SECONDS - start))
	else
		printf 'lint: %-14s FAILED\n' "$name"
		failed+=("$name")
	fi
}

# A release promises its API: what was released stays readable by its clients.
proto_breaking() {
	local tag
	tag=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null) || return 0
	buf breaking proto --against ".git#tag=$tag,subdir=proto"
}

mapfile -t c_files < <(find bpf tests -name '*.[ch]' | sort)
mapfile -t scripts < <(grep -rlE '^#!.*\bbash' .ci)

case ${1-} in
"")
	check ruff ruff check --quiet
	check ruff-format ruff format --check --quiet
	check mypy mypy --no-error-summary
	check clang-format clang-format --dry-run -Werror "${c_files[@]}"
	check buf buf lint proto
	check buf-format buf format --diff --exit-code --exclude-path proto/google --exclude-path proto/buf proto
	check buf-breaking proto_breaking
	check verify-proto .ci/proto.sh --check
	check shellcheck shellcheck "${scripts[@]}"
	;;
--fix)
	ruff check --fix --quiet || true # what is left, lint shows
	ruff format --quiet
	clang-format -i "${c_files[@]}"
	buf format -w --exclude-path proto/google --exclude-path proto/buf proto
	;;
*)
	echo "usage: $0 [--fix]" >&2
	exit 2
	;;
esac

if ((${#failed[@]})); then
	printf 'lint: failed: %s\n' "${failed[*]}" >&2
	exit 1
fi
