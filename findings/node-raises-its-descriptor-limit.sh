#!/usr/bin/env bash
# Node.js raises the soft limit of open files to the hard one when it starts, and its children inherit that.
#
# `ulimit -Sn 256` before `node` has no effect on it: the process can open as many files as the hard limit allows, and every
# program that it starts has a soft limit that was never set for it. So a test of what happens without descriptors has to
# lower the hard limit (`ulimit -n` sets both), a limit in a unit file means its hard part, and a child that still uses
# select(), or closes all possible descriptors in a loop, runs with the raised limit unless it is started through a shell
# that lowers it again.
#
# Seen with Node 20.20.2 on Linux, hard limit 1024:
#   shell 256, its child 256; node 1024, its child 1024
# Fails if that changes. Needs node; installs nothing.
set -euo pipefail
ulimit -Sn 256
ulimit -Hn 1024
seen="shell $(ulimit -Sn), its child $(bash -c 'ulimit -Sn'); $(node -e '
  const child = require("node:child_process").execFileSync("bash", ["-c", "ulimit -Sn"], { encoding: "utf8" }).trim();
  console.log(`node ${process.report.getReport().userLimits.open_files.soft}, its child ${child}`);
')"
echo "$seen"
echo "node $(node --version)"
[ "$seen" = 'shell 256, its child 256; node 1024, its child 1024' ]
