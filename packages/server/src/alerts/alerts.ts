import {
  alertErrors,
  newOwnId,
  type ActiveAlert,
  type Alert,
  type AlertId,
  type AlertKind,
  type Host,
  type NewAlert,
  type Repository,
} from '@nixen/api'
import { messageOf, Semaphore, type Clock, type Log } from '@nixen/core'
import type { Principal } from '../auth/principal.ts'
import type { Inventory, InventoryEvent } from '../inventory/inventory.ts'
import type { Channels } from '../notify/channels.ts'
import type { Notifier } from '../notify/notifier.ts'
import type { AlertStore, StoredAlert } from './alert-store.ts'
import { checkAlert } from './check-alert.ts'
import { noFacts, type Facts, type FactSource } from './facts.ts'
import { lookOf, thresholdOf, triggersOf, type Look, type Subject, type Triggers, type World } from './look.ts'
import { removeAlarms, showAlarms } from './own-alerts.ts'
import { planLook } from './plan-look.ts'
import { isSilenced } from './silence.ts'
import type { AlertState } from './state.ts'
import { fill, usualMessages } from './template.ts'

export interface AlertPorts {
  readonly store: AlertStore
  readonly inventory: Inventory
  readonly repositories: { all(): readonly Repository[] }
  readonly facts: FactSource
  readonly channels: Pick<Channels, 'demandAll'>
  readonly notifier: Pick<Notifier, 'open' | 'wake'>
  readonly clock: Clock
  readonly log: Log
  /** Address of Nixen for people, when it is known. */
  readonly url: () => string | undefined
}

/** Changes are gathered for so long before they are looked at, milliseconds: a storm of them is one look. */
const gather = 1000
/** What lasts is looked at so often, milliseconds: times that have to pass, silences that end. */
const tick = 15_000
/** What the inventory does not tell is asked so often, milliseconds. */
const round = 60_000

interface Rule {
  alert: StoredAlert
  triggers: Triggers
  readonly states: Map<string, AlertState>
  /** Objects that changed, or all. */
  dirty: Set<string> | 'all'
  /** When an object was missed first: it is gone only after a while, since a pool that is connected again is told anew. */
  readonly missing: Map<string, number>
  problem: string | undefined
}

/** The alerts: rules over the inventory and what is beside it, looked at when something changes and when time passes. */
export class Alerts implements AsyncDisposable {
  readonly #ports: AlertPorts
  readonly #rules = new Map<AlertId, Rule>()
  readonly #stop = new AbortController()
  /** A rule is not changed while what it found is written down. */
  readonly #turn = new Semaphore(1)
  #wake = new AbortController()
  #facts: Facts = noFacts
  #lastRound = -Infinity
  #names = -1
  #unsubscribe: (() => void) | undefined
  #loop: Promise<void> | undefined
  /** Asking what is not in the inventory, which a host that hangs may draw out: nothing waits for it. */
  #asking: Promise<void> | undefined

  constructor(ports: AlertPorts) {
    this.#ports = ports
  }

  /** Takes up what an earlier process knew, and begins to look. */
  async start(): Promise<void> {
    const { store, inventory } = this.#ports
    for (const alert of await store.all()) {
      const rule = ruleOf(alert)
      for (const state of await store.states(alert.id)) rule.states.set(state.on, state)
      this.#rules.set(alert.id, rule)
      showAlarms(inventory, alert, [...rule.states.values()])
    }
    this.#unsubscribe = inventory.subscribe((event) => this.#see(event))
    this.#loop = this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe?.()
    this.#stop.abort()
    await this.#loop
    await this.#asking
  }

  list(): Alert[] {
    return [...this.#rules.values()].map(show)
  }

  /** @throws alert.not_found */
  get(id: AlertId): Alert {
    return show(this.#demand(id))
  }

  /** What holds now, the most severe and the newest first. */
  active(): ActiveAlert[] {
    const { clock, inventory } = this.#ports
    const now = clock.now()
    const severities = ['critical', 'warning', 'info']
    return [...this.#rules.values()]
      .flatMap(({ alert, states }) =>
        [...states.values()].flatMap((state): ActiveAlert[] => {
          const { phase, fired, told, ...rest } = state
          if (phase === 'over') return []
          const { on, onName, since, message } = rest
          const silenced = isSilenced(alert, tagsIn(inventory, on), now)
          const times = { ...(fired === undefined ? {} : { fired }), ...(told === undefined ? {} : { told }) }
          const about = { alert: alert.id, name: alert.name, severity: alert.severity, state: phase }
          return [{ ...about, on, onName, since, message, silenced, ...times }]
        }),
      )
      .toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity) || b.since - a.since)
  }

  /** @throws alert.bad_template, alert.bad_threshold, query.invalid, channel.not_found, auth.forbidden */
  async create(wanted: NewAlert, who: Principal): Promise<Alert> {
    this.#check(wanted, who)
    return await this.#save({ ...wanted, id: newOwnId<'alert'>(), created: this.#ports.clock.now() })
  }

  /** Replaces an alert. What it holds for is looked at anew when the condition is another one. */
  async update(id: AlertId, wanted: NewAlert, who: Principal): Promise<Alert> {
    const { created, silenced } = this.#demand(id).alert
    this.#check(wanted, who)
    return await this.#save({ ...wanted, id, created, ...(silenced ? { silenced } : {}) })
  }

  async enable(id: AlertId, enabled: boolean): Promise<Alert> {
    return await this.#save({ ...this.#demand(id).alert, enabled })
  }

  /** Tells nobody until then; `undefined` ends it. @throws alert.not_found, alert.bad_silence */
  async silence(id: AlertId, silenced: StoredAlert['silenced']): Promise<Alert> {
    const { silenced: _, ...alert } = this.#demand(id).alert
    if (silenced && silenced.until <= this.#ports.clock.now()) throw alertErrors.bad_silence()
    return await this.#save(silenced ? { ...alert, silenced } : alert)
  }

  async remove(id: AlertId): Promise<void> {
    using _turn = await this.#turn.acquire()
    const { alert, states } = this.#demand(id)
    await this.#ports.store.remove(id)
    this.#rules.delete(id)
    removeAlarms(this.#ports.inventory, alert.id, states.keys())
  }

  /** For what an alert would hold now. */
  async preview(wanted: NewAlert, who: Principal) {
    this.#check(wanted, who)
    const alert: StoredAlert = { ...wanted, id: newOwnId<'alert'>(), created: 0 }
    const facts = await this.#findFacts([alert])
    const items: { on: string; name: string; holds: boolean; message: string }[] = []
    let looked = 0
    let holds = 0
    for (const subject of lookOf(alert.condition, this.#world(facts)).all()) {
      const on = subject.reading === 'on'
      looked++
      if (on) holds++
      const message = this.#messageFor(alert, subject)
      if (on || items.length < mostShown) items.push({ on: subject.id, name: subject.name, holds: on, message })
    }
    return { looked, holds, items: items.toSorted((a, b) => Number(b.holds) - Number(a.holds)).slice(0, mostShown) }
  }

  /** Names of alerts that tell a channel, for people. */
  usersOf(channel: string): string[] {
    return [...this.#rules.values()]
      .filter(({ alert }) => alert.channels.some((id) => id === channel))
      .map(({ alert }) => `the alert "${alert.name}"`)
  }

  #check(wanted: NewAlert, who: Principal): void {
    checkAlert(wanted, who, { channels: this.#ports.channels, world: this.#world(noFacts) })
  }

  async #save(alert: StoredAlert): Promise<Alert> {
    using _turn = await this.#turn.acquire()
    const { store, inventory } = this.#ports
    const before = this.#rules.get(alert.id)
    const same = JSON.stringify(before?.alert.condition) === JSON.stringify(alert.condition)
    await store.put(alert)
    const rule = ruleOf(alert)
    if (before && same && alert.enabled) for (const [on, state] of before.states) rule.states.set(on, state)
    else if (before) {
      await store.clearStates(alert.id)
      removeAlarms(inventory, alert.id, before.states.keys())
    }
    this.#rules.set(alert.id, rule)
    showAlarms(inventory, alert, [...rule.states.values()])
    // What it needs beside the inventory is asked now.
    this.#lastRound = -Infinity
    this.#wake.abort()
    return show(rule)
  }

  #see({ type, id }: InventoryEvent): void {
    for (const rule of this.#rules.values()) {
      const { triggers, alert, dirty } = rule
      if (!alert.enabled || dirty === 'all') continue
      if (triggers.type === type) dirty.add(id)
      else if (type === 'connection' && triggers.connections) rule.dirty = 'all'
      else continue
      this.#wake.abort()
    }
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#ports
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController()
      try {
        await this.#look()
      } catch (error) {
        if (!this.#stop.signal.aborted) log.error('alerts could not be looked after', { error: messageOf(error) })
      }
      const woken = AbortSignal.any([this.#stop.signal, this.#wake.signal])
      await clock.sleep(tick, { signal: woken }).catch(() => undefined)
      // More comes when something came.
      if (this.#wake.signal.aborted) await clock.sleep(gather, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }

  async #look(): Promise<void> {
    const { clock, inventory } = this.#ports
    const rules = [...this.#rules.values()].filter(({ alert }) => alert.enabled)
    const renamed = this.#names !== inventory.names
    this.#names = inventory.names
    if (clock.now() - this.#lastRound >= round && !this.#asking) {
      this.#lastRound = clock.now()
      this.#asking = this.#ask(rules).finally(() => (this.#asking = undefined))
    }
    for (const rule of rules) {
      if (renamed && rule.triggers.names) rule.dirty = 'all'
      await this.#lookAt(rule)
    }
  }

  /** Asks what is not in the inventory, and has those look again that need it, or the time. */
  async #ask(rules: readonly Rule[]): Promise<void> {
    try {
      this.#facts = await this.#findFacts(rules.map(({ alert }) => alert))
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#ports.log.error('what alerts need could not be found out', { error: messageOf(error) })
    }
    for (const rule of this.#rules.values()) if (rule.triggers.timed) rule.dirty = 'all'
    this.#wake.abort()
  }

  async #lookAt(rule: Rule): Promise<void> {
    const { store, inventory, notifier, clock, log, url } = this.#ports
    using _turn = await this.#turn.acquire()
    const { dirty, alert } = rule
    if (this.#rules.get(alert.id) !== rule) return
    if (dirty !== 'all' && dirty.size === 0 && rule.states.size === 0) return
    rule.dirty = new Set()
    try {
      const look = lookOf(alert.condition, this.#world(this.#facts))
      const plan = planLook({
        alert,
        states: rule.states,
        subjects: this.#subjects(rule, look, dirty),
        messageFor: (subject) => this.#messageFor(alert, subject),
        now: clock.now(),
        url: url(),
      })
      rule.problem = undefined
      if (plan.put.length === 0 && plan.removed.length === 0) return
      await store.commit(alert.id, { ...plan, channels: notifier.open(alert.channels), now: clock.now() })
      for (const on of plan.removed) rule.states.delete(on)
      for (const state of plan.put) rule.states.set(state.on, state)
      removeAlarms(inventory, alert.id, plan.removed)
      showAlarms(inventory, alert, plan.put)
      if (plan.messages.length > 0) notifier.wake()
    } catch (error) {
      if (this.#stop.signal.aborted) return
      // Nothing was written down: it is looked at again.
      rule.dirty = 'all'
      rule.problem = messageOf(error)
      log.error('an alert could not be looked at', { alert: alert.id, error: messageOf(error) })
    }
  }

  /** Objects that have to be looked at: those that changed, and those that something is remembered of. */
  *#subjects(rule: Rule, look: Look, dirty: Rule['dirty']): Generator<Subject> {
    const seen = new Set<string>()
    if (dirty === 'all') {
      for (const subject of look.all()) {
        seen.add(subject.id)
        yield subject
      }
    }
    for (const id of new Set([...(dirty === 'all' ? [] : dirty), ...rule.states.keys()])) {
      if (seen.has(id)) continue
      const subject = look.one(id) ?? this.#gone(rule, id)
      if (subject) yield subject
    }
    for (const id of rule.missing.keys()) if (look.one(id)) rule.missing.delete(id)
  }

  /** An object that is not there: gone, when it stays so while its connection is up, or its connection is gone as well. */
  #gone(rule: Rule, id: string): Subject | undefined {
    const state = rule.states.get(id)
    if (!state) return undefined
    const { clock, inventory } = this.#ports
    const now = clock.now()
    const [, connection = ''] = id.split('.')
    const known = rule.triggers.type !== undefined && inventory.get('connection', connection)
    const first = rule.missing.get(id) ?? now
    rule.missing.set(id, first)
    if ((known && known.state !== 'connected') || now - first < round) return undefined
    rule.missing.delete(id)
    return { id, name: state.onName, tags: [], reading: 'off', value: '', gone: true }
  }

  async #findFacts(alerts: readonly StoredAlert[]): Promise<Facts> {
    const kinds = new Set<AlertKind>(alerts.map(({ condition }) => condition.kind))
    const hosts = new Map<string, Host>()
    for (const { condition } of alerts) {
      if (condition.kind !== 'host-cpu') continue
      for (const { id } of lookOf(condition, this.#world(noFacts)).all()) {
        const host = this.#ports.inventory.get('host', id)
        if (host) hosts.set(id, host)
      }
    }
    return await this.#ports.facts.find(kinds, [...hosts.values()], this.#stop.signal)
  }

  #world(facts: Facts): World {
    const { inventory, repositories, clock } = this.#ports
    return { inventory, repositories, facts, now: clock.now() }
  }

  #messageFor({ name, severity, condition, message }: StoredAlert, subject: Subject): string {
    return fill(message ?? usualMessages[condition.kind], {
      'object.name': subject.name,
      'object.id': subject.id,
      value: subject.value,
      threshold: thresholdOf(condition),
      since: new Date(this.#ports.clock.now()).toISOString(),
      url: this.#ports.url() ?? '',
      rule: name,
      severity,
    })
  }

  #demand(id: AlertId): Rule {
    const rule = this.#rules.get(id)
    if (!rule) throw alertErrors.not_found({ id })
    return rule
  }
}

/** Most objects that a preview shows. */
const mostShown = 200

function ruleOf(alert: StoredAlert): Rule {
  const triggers = triggersOf(alert.condition)
  return { alert, triggers, states: new Map(), dirty: 'all', missing: new Map(), problem: undefined }
}

function show({ alert, states, problem }: Rule): Alert {
  const firing = [...states.values()].filter(({ phase }) => phase === 'firing' || phase === 'clearing').length
  return { ...alert, firing, ...(problem === undefined ? {} : { problem }) }
}

function tagsIn(inventory: Inventory, id: string): readonly string[] {
  const type = id.slice(0, id.indexOf('.'))
  if (type !== 'vm' && type !== 'host' && type !== 'storage' && type !== 'network' && type !== 'pool') return []
  return inventory.get(type, id)?.tags ?? []
}
