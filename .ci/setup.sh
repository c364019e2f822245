#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Install what is missing, and only that. A second run finds nothing to do in well under a second.
#
#   .ci/setup.sh                 the virtual environment .venv with the Python packages
#   .ci/setup.sh system          and the Debian packages that demo and test need
#   .ci/setup.sh system bench    and those that only bench needs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debian packages. bcc must come from here: the one on PyPI is another library.
SYSTEM=(python3-bpfcc linux-libc-dev iproute2 ethtool nftables iputils-ping procps)
BENCH=(haproxy)

MIN_PYTHON=(3 11)
VENV=.venv
STAMP=$VENV/.installed

say() { printf 'setup: %s\n' "$*"; }
die() {
	printf 'setup: %s\n' "$@" >&2
	exit 1
}

# --- Debian packages ------------------------------------------------------------------------

is_installed() {
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Print those of the named packages that are not installed.
missing() {
	local package
	for package; do
		is_installed "$package" || printf '%s\n' "$package"
	done
}

apt() { # services that a package may start must not inherit our lock (9)
	DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null 9<&-
}

# Fetch the package lists, once.
apt_update() {
	[[ ${updated-} ]] && return
	apt update || say "apt-get update failed; trying with the package lists at hand"
	updated=yes
}

# Install the named packages if any of them is missing.
need() {
	local lacking
	mapfile -t lacking < <(missing "$@")
	((${#lacking[@]})) || return 0
	command -v apt-get >/dev/null ||
		die "this machine has no apt-get; install by hand what corresponds to: ${lacking[*]}"
	((EUID == 0)) ||
		die "Debian packages are missing; run as root, or: sudo apt-get install ${lacking[*]}"
	say "installing Debian packages: ${lacking[*]}"
	apt_update
	apt install --no-install-recommends "${lacking[@]}" ||
		die "apt-get could not install: ${lacking[*]}"
}

# haproxy is measured beside xdpair and started by the benchmark itself. Its package would start
# a service of its own: under systemd the unit is masked meanwhile and left disabled, elsewhere
# runlevel 1 keeps invoke-rc.d from starting it.
need_haproxy() {
	local unit=/etc/systemd/system/haproxy.service
	is_installed haproxy && return
	if ((EUID != 0)) || [[ ! -d /run/systemd/system || -e $unit || -L $unit ]]; then
		RUNLEVEL=1 need haproxy
		return
	fi
	ln -s /dev/null "$unit"
	trap 'rm -f /etc/systemd/system/haproxy.service; systemctl daemon-reload' EXIT
	need haproxy
	rm -f "$unit"
	trap - EXIT
	systemctl daemon-reload
	systemctl --quiet disable haproxy.service
}

# --- Python ---------------------------------------------------------------------------------

is_recent() {
	[[ -x $1 ]] && "$1" -c "import sys; sys.exit(sys.version_info < (${MIN_PYTHON[0]}, ${MIN_PYTHON[1]}))"
}

# Set `python` to the distribution's own interpreter, since only that one sees python3-bpfcc. What
# `python3` means on PATH (pyenv, conda) does not matter.
choose_python() {
	local wanted=python${MIN_PYTHON[0]}.${MIN_PYTHON[1]}
	for python in /usr/bin/python3 /usr/bin/python3.{14,13,12,11}; do
		is_recent "$python" && return
	done
	if [[ ! -x /usr/bin/python3 ]]; then
		need python3
		python=/usr/bin/python3
		is_recent "$python" && return
	fi
	say "$(/usr/bin/python3 --version) is too old, adding $wanted beside it"
	apt_update
	apt-cache show "$wanted" >/dev/null 2>&1 ||
		die "there is no package $wanted here. On Ubuntu 22.04 it is in 'universe':" \
			"add-apt-repository universe. Or use Debian 12, Ubuntu 24.04 or newer."
	need "$wanted" "$wanted-venv"
	python=/usr/bin/$wanted
}

# True if .venv was made in this directory (it holds absolute paths), from the distribution's
# Python, with its packages in sight.
venv_is_usable() {
	[[ -x $VENV/bin/pip && $(readlink -f "$VENV/bin/python") == /usr/bin/* ]] &&
		grep -q '^include-system-site-packages = true' "$VENV/pyvenv.cfg" &&
		[[ $(head -n 1 "$VENV/bin/pip") == "#!$PWD/$VENV/bin/"* ]] &&
		is_recent "$VENV/bin/python"
}

# What the installed packages depend on.
fingerprint() {
	printf '%s %s\n' "$PWD" "$(readlink -f "$VENV/bin/python")"
	sha256sum pyproject.toml
}

make_venv() {
	[[ -f $STAMP && -x $VENV/bin/python && $(<"$STAMP") == "$(fingerprint)" ]] && return
	if ! venv_is_usable; then
		choose_python
		if [[ $python == /usr/bin/python3 ]]; then
			need python3-venv
		else
			need "${python##*/}-venv"
		fi
		say "creating $VENV with $("$python" --version)"
		rm -rf "$VENV"
		"$python" -m venv --system-site-packages "$VENV"
	fi
	rm -f "$STAMP"
	say "installing the Python packages of pyproject.toml into $VENV (half a minute or so)"
	"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
		--editable '.[dev]' || die "pip could not install the packages; is PyPI reachable?"
	fingerprint >"$STAMP"
	say "$VENV is ready"
}

# --------------------------------------------------------------------------------------------

exec 9<pyproject.toml
flock 9 # two makes at once take turns

for what; do
	case $what in
	system)
		((EUID == 0)) || die "this needs root: XDP programs are loaded and network namespaces made"
		need "${SYSTEM[@]}"
		;;
	bench)
		need_haproxy
		need "${BENCH[@]}"
		;;
	*) die "unknown argument: $what" ;;
	esac
done
make_venv
