// A pool of simulated hosts in a process of its own. Changes its VMs when it is told to, and says when: by the clock that both processes share.
import { systemClock, silentLog } from '@nixen/core'
import type { Pool } from '../../packages/toolstack/src/pool/pool.ts'
import { startPool } from '../../packages/toolstack/src/pool/start-pool.ts'

/** What the benchmark asks for: so many VMs get a description that ends with `mark`. */
export interface Order {
  readonly change: number
  readonly mark: string
}

// The toolstack has no public door for changes at one moment; calls would come one after the other.
const pools = new Set<Pool>()
const addresses = Array.from({ length: 16 }, (_, host) => `127.0.1.${host + 1}`)
const options = { index: 0, hosts: addresses.length, vms: Number(process.argv[2]), port: 0, seed: 1, tls: true }
const quiet = { waits: false, loginDelay: false, clock: systemClock, log: silentLog, load: undefined }
const handle = await startPool({ ...options, ...quiet, addresses, neighbours: pools, directory: undefined })
const [pool] = pools
if (!pool) throw new Error('The pool did not start')
const { db } = pool
const machines = [...db.rows('VM')].filter(({ values }) => !values.is_a_template && !values.is_control_domain)
const records = ['VM', 'VM_metrics', 'VM_guest_metrics', 'VBD', 'VDI', 'VIF', 'console'] as const

process.on('message', ({ change, mark }: Order) => {
  for (const vm of machines.slice(0, change)) db.update(vm.ref, { name_description: `changed ${mark}` })
  process.send?.({ at: performance.timeOrigin + performance.now() })
  db.commit()
})
process.on('disconnect', () => void handle[Symbol.asyncDispose]().then(() => process.exit(0)))
process.send?.({
  url: handle.url,
  fingerprint: handle.fingerprint,
  machines: machines.length,
  records: records.reduce((sum, name) => sum + db.count(name), 0),
})
