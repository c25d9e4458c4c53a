import { connectionOfId, type AlertKind, type ConnectionId, type Host, type HostId, type Run } from '@nixen/api'
import { messageOf, Semaphore, type Clock } from '@nixen/core'
import type { Provider, ProviderPorts } from '@nixen/providers'
import type { Connections } from '../connections/connections.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { StoredJob } from '../jobs/job-store.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { ServedTls } from '../tls/served.ts'

/** A job with how its last runs went, the newest first. */
export interface JobFact {
  readonly job: StoredJob
  readonly runs: readonly Run[]
}

/** A certificate that somebody has to renew. */
export interface CertificateFact {
  /** `nixen`, or the id of a connection. */
  readonly id: string
  readonly name: string
  /** Epoch milliseconds. */
  readonly validTo: number
}

/** What alerts look at that is not in the inventory, as it was found the last time. */
export interface Facts {
  /** Processors in use, 0 to 1; absent when it is not known. */
  readonly cpu: ReadonlyMap<HostId, number>
  readonly jobs: readonly JobFact[]
  readonly certificates: readonly CertificateFact[]
}

export const noFacts: Facts = { cpu: new Map(), jobs: [], certificates: [] }

/** Where facts come from. */
export interface FactSource {
  /** Finds what these kinds of conditions need. `hosts` are those whose processors matter. */
  find(kinds: ReadonlySet<AlertKind>, hosts: readonly Host[], signal: AbortSignal): Promise<Facts>
}

export interface FactPorts {
  readonly inventory: Inventory
  readonly connections: Pick<Connections, 'session' | 'provider'>
  readonly jobs: Pick<Jobs, 'all' | 'runs'>
  /** The certificate that is served now. */
  readonly served: () => ServedTls | undefined
  readonly providerPorts: ProviderPorts
  readonly clock: Clock
}

const minute = 60_000
/** Certificates of hosts are looked at so often, milliseconds: it is a connection each. */
const certificatesEvery = 12 * 60 * minute
/** Hosts that are asked at a time. */
const atOnce = 4
/** Runs of a job that are looked at for one that went well. */
const mostRuns = 50

/** Asks hosts, jobs and certificates, as much as rules need and no more. What does not answer is not known. */
export function factSource(ports: FactPorts): FactSource {
  const { jobs } = ports
  const certificates = new Map<ConnectionId, CertificateFact>()
  let lookedAt = -Infinity
  return {
    async find(kinds, hosts, signal) {
      const cpu = new Map<HostId, number>()
      if (kinds.has('host-cpu')) {
        const gate = new Semaphore(atOnce)
        await Promise.all(
          hosts.map(async ({ id, power }) => {
            using _place = await gate.acquire({ signal })
            const value = power === 'running' ? await cpuOf(ports, id, signal) : undefined
            if (value !== undefined) cpu.set(id, value)
          }),
        )
      }
      if (kinds.has('certificate') && ports.clock.now() - lookedAt >= certificatesEvery) {
        lookedAt = ports.clock.now()
        await lookAtCertificates(ports, certificates, signal)
      }
      const withJobs = kinds.has('job-failed') || kinds.has('job-late')
      return {
        cpu,
        jobs: withJobs
          ? await Promise.all(
              (await jobs.all()).map(async (job) => ({ job, runs: await jobs.runs({ job: job.id, limit: mostRuns }) })),
            )
          : [],
        certificates: [...ownCertificate(ports), ...certificates.values()],
      }
    },
  }
}

/** Mean of the last minutes that the host has measured. */
async function cpuOf({ connections, clock }: FactPorts, id: HostId, signal: AbortSignal): Promise<number | undefined> {
  try {
    const limits = AbortSignal.any([signal, AbortSignal.timeout(20_000)])
    const query = { id, from: clock.now() - 10 * minute, step: minute, signal: limits }
    const { series } = await connections.session(connectionOfId(id)).stats(query)
    const values = series.find(({ name }) => name === 'cpu')?.values ?? []
    return values.findLast((value) => value !== null) ?? undefined
  } catch (error) {
    // A host that does not answer has no value; that it is down is another alert.
    signal.throwIfAborted()
    void messageOf(error)
    return undefined
  }
}

async function lookAtCertificates(
  { inventory, connections, providerPorts }: FactPorts,
  found: Map<ConnectionId, CertificateFact>,
  signal: AbortSignal,
): Promise<void> {
  const all = [...inventory.all('connection')].filter(({ enabled }) => enabled)
  const ids = new Set(all.map(({ id }) => id))
  for (const id of found.keys()) if (!ids.has(id)) found.delete(id)
  await Promise.all(
    all.map(async ({ id, name, kind, address }) => {
      try {
        const provider: Provider = connections.provider(kind)
        const limits = AbortSignal.any([signal, AbortSignal.timeout(20_000)])
        const probe = await provider.probe(address, providerPorts, { signal: limits })
        if (probe.secure) found.set(id, { id, name, validTo: probe.validTo })
      } catch (error) {
        // What was known stays known.
        signal.throwIfAborted()
        void messageOf(error)
      }
    }),
  )
}

function ownCertificate({ served }: FactPorts): readonly CertificateFact[] {
  const tls = served()
  return tls ? [{ id: 'nixen', name: 'Nixen', validTo: tls.validTo }] : []
}
