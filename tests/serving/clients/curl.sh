# Asks by curl, instance by instance and by whole inputs, for JSON numbers and for base64 PNGs. $1: a folder to write to; the JSON files
# "instances", "inputs" and "png" in it are the bodies, and .reply is added to their names for the replies. $2: the model's URL.
set -euo pipefail
for name in instances inputs png; do
  curl --silent --show-error --fail --data "@$1/$name" --output "$1/$name.reply" "$2:predict"
done
