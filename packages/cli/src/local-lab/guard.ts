import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Watches over a daemon's folder. */
export interface Guard {
  /** All is cleaned up: it has nothing to do. */
  dismiss(): Promise<void>
}

/**
 * Waits for the end of its input. That comes when this process ends, however it ends (SIGKILL too), and then it ends the daemon and its guests,
 * and removes the folder. A number in a file may have gone to another process by then: only what has the folder on its command line is ended.
 */
const script = `
read -r _ && exit 0
for file in "$1"/libvirtd.pid "$1"/run/libvirt/qemu/run/*.pid; do
  [ -f "$file" ] || continue
  pid=$(cat "$file")
  grep -q -F -e "$1" "/proc/$pid/cmdline" 2>/dev/null && kill -9 "$pid"
done
sleep 1
rm -rf "$1"
`

/** Sees to it that nothing of a daemon is left behind when this process is killed. */
export function guardFolder(folder: string, { uid, gid }: { readonly uid: number; readonly gid: number }): Guard {
  // In a group of its own: what ends ours must not end it.
  const child = spawn('/bin/sh', ['-c', script, 'guard', folder], {
    uid,
    gid,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const ended = once(child, 'exit').catch(() => undefined)
  child.stdin.on('error', () => undefined)
  // Neither it nor the pipe to it keeps this process alive.
  child.unref()
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref()
  return {
    async dismiss() {
      child.ref()
      child.stdin.end('\n')
      await ended
    },
  }
}
