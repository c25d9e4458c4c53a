import { capabilities, type Rule } from '../capability/capabilities.ts'
import type { Pool } from './pool.ts'

const isCalm: Rule<Pool> = {
  when: (pool) => pool.updating !== true,
  otherwise: 'A rolling update or reboot is going on.',
}
const hasSeveral: Rule<Pool> = {
  when: (pool) => pool.hosts > 1,
  otherwise: 'The pool has one host only: nowhere to move its VMs.',
}

/** What may be done with a pool, and why not. */
export const poolCan = capabilities<Pool>()({
  update: [],
  addHost: [isCalm, { when: (pool) => pool.kind !== 'libvirt', otherwise: 'A libvirt host is a pool of its own.' }],
  rollingUpdate: [isCalm, hasSeveral],
  rollingReboot: [isCalm, hasSeveral],
  /** Also of a run of another Nixen that is gone. */
  resumeRolling: [
    { when: (pool) => pool.rolling !== undefined, otherwise: 'No rolling reboot or update of it was interrupted.' },
  ],
  enableHa: [
    isCalm,
    { when: (pool) => pool.ha !== true, otherwise: 'High availability is on already.' },
    { when: (pool) => pool.hosts > 1, otherwise: 'High availability needs more than one host.' },
  ],
  disableHa: [{ when: (pool) => pool.ha === true, otherwise: 'High availability is off.' }],
  setDefaultStorage: [],
})
export type PoolAction = keyof typeof poolCan
