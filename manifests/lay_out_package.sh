#!/bin/sh
# lay_out_package.sh PACKAGE_DIR STAMP bin FILE... lib FILE... meta FILE...
# Puts each file into the folder of the package named before it. Files become hard links where the file system
# allows (a component is started with the package as /pkg, where a symbolic link would lead nowhere).
set -eu
package=$1
stamp=$2
shift 2
rm -rf "$package"
mkdir -p "$package/bin" "$package/lib" "$package/meta"
folder=
for item in "$@"; do
  case $item in
    bin | lib | meta) folder=$item ;;
    *) ln -f "$item" "$package/$folder/" 2>/dev/null || cp -f "$item" "$package/$folder/" ;;
  esac
done
: >"$stamp"
