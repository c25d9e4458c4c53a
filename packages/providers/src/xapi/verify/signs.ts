import type { VMGuestMetricsRecord, VMMetricsRecord, VMRecord } from '@nixen/xapi'
import type { AgentSigns, GuestSigns } from '../../verify/verify-actions.ts'

/** Where a guest finds the challenge, below `vm-data` of its XenStore, which it may read and write. */
export const challengeKey = 'vm-data/nixen-check'
/** Where it writes its answer. */
export const answerKey = 'vm-data/nixen-answer'

const powers: Readonly<Record<string, string>> = {
  Running: 'running',
  Paused: 'paused',
  Suspended: 'suspended',
  Halted: 'halted',
}

/** Host clocks are told to the second. */
const second = 1000

export interface SeenGuest {
  readonly vm: Pick<VMRecord, 'power_state' | 'domid' | 'xenstore_data' | 'resident_on'>
  readonly metrics: Pick<VMMetricsRecord, 'start_time'> | undefined
  readonly agent:
    | Pick<
        VMGuestMetricsRecord,
        'PV_drivers_detected' | 'PV_drivers_version' | 'os_version' | 'networks' | 'last_updated' | 'live'
      >
    | undefined
}

/** What the records of a pool say of a guest. */
export function guestSigns({ vm, metrics, agent }: SeenGuest, challenge: string): GuestSigns {
  const running = vm.power_state === 'Running' || vm.power_state === 'Paused'
  const answer = readAnswer(vm.xenstore_data[answerKey], challenge)
  return {
    power: powers[vm.power_state] ?? vm.power_state.toLowerCase(),
    ...(running ? { boot: `${vm.resident_on} ${vm.domid} ${metrics?.start_time ?? 0}` } : {}),
    agent: agentSigns(agent, metrics?.start_time ?? 0),
    ...answer,
  }
}

function agentSigns(agent: SeenGuest['agent'], started: number): AgentSigns {
  // Without drivers in the guest these fields are what the host put there.
  if (!agent || !(agent.PV_drivers_detected || 'major' in agent.PV_drivers_version)) return { state: 'silent' }
  if (!agent.live) return { state: 'stale', reason: 'the host says that it is not in touch with the agent' }
  if (agent.last_updated + second < started) {
    return { state: 'stale', reason: 'what it says is older than the start of the machine' }
  }
  const ips = Object.entries(agent.networks).flatMap(([key, ip]) => (/\/ip(v[46]\/\d+)?$/.test(key) ? [ip] : []))
  const os = agent.os_version['name']?.split('|')[0]
  return { state: 'up', ips: [...new Set(ips)], ...(os === undefined || os === '' ? {} : { os }) }
}

function readAnswer(text: string | undefined, challenge: string): Pick<GuestSigns, 'answer' | 'strangeAnswer'> {
  if (text === undefined || text === '') return {}
  const [, asked, verdict, rest = ''] = /^(\S+)\s+(passed|failed)(?:\s+([^]*))?$/.exec(text) ?? []
  if (asked !== challenge || verdict === undefined) return { strangeAnswer: true }
  // A guest can write much; people read the beginning.
  return { answer: { passed: verdict === 'passed', text: rest.trim().slice(0, 1000) } }
}
