// A pool of simulated hosts in a process of its own. Changes its VMs when it is told to, and says when: by the clock that both processes share.
import { systemClock, silentLog } from '@nixen/core'
import { Site } from '../../packages/toolstack/src/pool/site.ts'

/** What the benchmark asks for: so many VMs get a description that ends with `mark`. */
export interface Order {
  readonly change: number
  readonly mark: string
}

// The toolstack has no public door for changes at one moment; calls would come one after the other.
const site = await Site.start({
  load: undefined,
  pools: 1,
  hosts: 16,
  vms: Number(process.argv[2]),
  seed: 1,
  waits: false,
  loginDelay: false,
  clock: systemClock,
  log: silentLog,
})
const [handle] = site.pools
const pool = site.at(handle?.addresses[0] ?? '')?.pool
if (!handle || !pool) throw new Error('The pool did not start')
const { db } = pool
const machines = [...db.rows('VM')].filter(({ values }) => !values.is_a_template && !values.is_control_domain)
const records = ['VM', 'VM_metrics', 'VM_guest_metrics', 'VBD', 'VDI', 'VIF', 'console'] as const

process.on('message', ({ change, mark }: Order) => {
  for (const vm of machines.slice(0, change)) db.update(vm.ref, { name_description: `changed ${mark}` })
  process.send?.({ at: performance.timeOrigin + performance.now() })
  db.commit()
})
process.on('disconnect', () => void site[Symbol.asyncDispose]().then(() => process.exit(0)))
process.send?.({
  url: handle.url,
  fingerprint: site.fingerprint,
  machines: machines.length,
  records: records.reduce((sum, name) => sum + db.count(name), 0),
})
