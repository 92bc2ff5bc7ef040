#!/usr/bin/env bash
# Node.js knows the number of EDQUOT (a disk quota is used up) and has no name for it.
#
# Seen with Node 20.20.2 on Linux: `os.constants.errno.EDQUOT` is 122, but
# `util.getSystemErrorName(-122)` is "Unknown system error -122", where that of -28 is "ENOSPC". Errors of the system get
# their `code` from the same table, so a program that waits for room on
# `error.code === 'ENOSPC' || error.code === 'EDQUOT'` never sees the second: it has to compare `error.errno` with
# `-os.constants.errno.EDQUOT`.
#
# Fails if that changes. Needs node; installs nothing.
#
# Output:
#   node v20.20.2: ENOSPC true
set -euo pipefail

seen=$(node -e '
  const { constants } = require("node:os");
  const { getSystemErrorName } = require("node:util");
  const { EDQUOT, ENOSPC } = constants.errno;
  console.log(getSystemErrorName(-ENOSPC), getSystemErrorName(-EDQUOT) === `Unknown system error -${EDQUOT}`);
')
echo "node $(node --version): $seen"
[ "$seen" = 'ENOSPC true' ]
