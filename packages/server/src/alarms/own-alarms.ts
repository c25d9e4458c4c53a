import { formatId, ownConnection, type Alarm, type AlarmId, type Connection, type ConnectionId } from '@nixen/api'
import type { Clock } from '@nixen/core'
import type { Inventory, InventoryEvent } from '../inventory/inventory.ts'
import type { ServedTls } from '../tls/served.ts'

/** A connection that is back within so many milliseconds is not worth an alarm: a host that restarts its toolstack. */
const defaultGrace = 15_000
/** How often the certificate is looked at, milliseconds. */
const interval = 3_600_000
const day = 86_400_000
/** So long before its end the certificate is told as a warning; a self-made one is renewed before. */
const warnBefore = 21 * day
const criticalBefore = 7 * day

export interface OwnAlarmsOptions {
  readonly inventory: Inventory
  readonly clock: Clock
  readonly grace?: number
}

/** What Nixen itself finds wrong, as alarms of the inventory: `alarm.nixen.connection-ID`, `alarm.nixen.certificate`. */
export class OwnAlarms implements Disposable {
  readonly #inventory: Inventory
  readonly #clock: Clock
  readonly #grace: number
  /** Connections that are down and not told yet. */
  readonly #waiting = new Map<ConnectionId, NodeJS.Timeout>()
  readonly #stop: () => void
  readonly #timer: NodeJS.Timeout
  #certificate: ServedTls | undefined

  constructor({ inventory, clock, grace = defaultGrace }: OwnAlarmsOptions) {
    this.#inventory = inventory
    this.#clock = clock
    this.#grace = grace
    this.#stop = inventory.subscribe((event) => this.#see(event))
    this.#timer = setInterval(() => this.#lookAtCertificate(), interval).unref()
  }

  /** Watches the certificate that is served from now on. */
  watchCertificate(certificate: ServedTls | undefined): void {
    this.#certificate = certificate
    this.#lookAtCertificate()
  }

  /** The certificate that is served now. */
  get certificate(): ServedTls | undefined {
    return this.#certificate
  }

  [Symbol.dispose](): void {
    this.#stop()
    clearInterval(this.#timer)
    for (const timer of this.#waiting.values()) clearTimeout(timer)
  }

  #see({ type, before, after }: InventoryEvent): void {
    if (type !== 'connection') return
    // An event of a type has objects of that type.
    const [old, now] = [before, after] as readonly [Connection | undefined, Connection | undefined]
    const id = now?.id ?? old?.id
    if (id === undefined) return
    if (!now || !isDown(now)) {
      clearTimeout(this.#waiting.get(id))
      this.#waiting.delete(id)
      // A try that goes on says nothing yet of how it ends.
      if (!now || now.state !== 'connecting') this.#inventory.remove('alarm', alarmId(`connection-${id}`))
      return
    }
    if (this.#inventory.get('alarm', alarmId(`connection-${id}`))) return this.#tell(now)
    if (now.state === 'failed') return this.#tell(now)
    if (this.#waiting.has(id)) return
    const timer = setTimeout(() => {
      this.#waiting.delete(id)
      const found = this.#inventory.get('connection', id)
      if (found && isDown(found)) this.#tell(found)
    }, this.#grace)
    this.#waiting.set(id, timer.unref())
  }

  #tell({ id, name, state, since, error }: Connection): void {
    clearTimeout(this.#waiting.get(id))
    this.#waiting.delete(id)
    const before = this.#inventory.get('alarm', alarmId(`connection-${id}`))
    // Of a failure that needs somebody the error says so itself.
    const then = state === 'failed' ? '' : ' It is tried again.'
    this.#put({
      id: alarmId(`connection-${id}`),
      connection: ownConnection,
      name: 'connection_down',
      message: `${name} is not connected: ${error?.message ?? state}${then}`,
      severity: 'critical',
      time: before?.time ?? since,
    })
  }

  #lookAtCertificate(): void {
    const id = alarmId('certificate')
    const left = this.#certificate ? this.#certificate.validTo - this.#clock.now() : Infinity
    if (left > warnBefore) return this.#inventory.remove('alarm', id)
    const when = left <= 0 ? 'has expired' : `expires in ${Math.ceil(left / day)} days`
    this.#put({
      id,
      connection: ownConnection,
      name: 'certificate_expiry',
      message: `The certificate of Nixen (${this.#certificate?.fingerprint ?? ''}) ${when}. Put a new one in its place; it is taken up without a restart.`,
      severity: left <= criticalBefore ? 'critical' : 'warning',
      time: this.#inventory.get('alarm', id)?.time ?? this.#clock.now(),
    })
  }

  #put(alarm: Alarm): void {
    const before = this.#inventory.get('alarm', alarm.id)
    if (before?.message !== alarm.message || before.severity !== alarm.severity) this.#inventory.put('alarm', alarm)
  }
}

function isDown({ enabled, state }: Connection): boolean {
  return enabled && (state === 'waiting' || state === 'failed')
}

function alarmId(key: string): AlarmId {
  return formatId({ type: 'alarm', connection: ownConnection, key })
}
