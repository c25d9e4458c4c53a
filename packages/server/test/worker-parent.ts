// A process with a worker that works, for tests that kill it: node worker-parent.ts LOCATION SNAPSHOT SOCKET. Prints the worker's process id.
import { silentLog } from '@nixen/core'
import { WorkerPool } from '../src/worker/worker-pool.ts'

const [, , location = '', snapshot = '', socketPath = ''] = process.argv
const pool = new WorkerPool({ log: silentLog })
await pool.run(
  'serve',
  { key: 'x', name: 'x', access: { location, password: 'correct horse' } },
  { snapshot, path: '/disk-root.raw', as: 'nbd', socketPath },
  { items: () => console.log(String(pool.pids[0])) },
)
