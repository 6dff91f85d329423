#!/bin/sh
# Makes the mounted copy of the files like the bucket. What lies only in the copy is lost.
set -eu

printf 'Files that are only in the copy will be deleted. Type mirror to go on: '
read -r answer
if [ "$answer" != mirror ]; then
  echo 'Nothing was done.'
  exit 1
fi
rclone sync gangway:gangway-files-production /mnt/gangway-files
