// Small readers of XAPI values, used by all classes.

const none: string[] = []
/** Sorted copies of lists: the client hands out equal lists as one object, so there are few. */
const sorted = new WeakMap<readonly string[], string[]>()

/** Tags, sorted and without repetitions. Shared: never written to. */
export function tagsOf(tags: readonly string[]): string[] {
  if (tags.length === 0) return none
  let list = sorted.get(tags)
  if (!list) sorted.set(tags, (list = [...new Set(tags)].sort()))
  return list
}

/** A size in bytes: absent when the host does not know it (negative) or it is beyond what a number holds. */
export function sizeOf(bytes: number | bigint): number | undefined {
  const size = Number(bytes)
  return size >= 0 && Number.isSafeInteger(size) ? size : undefined
}

/** A count or size that has to be there; 0 when the host does not know it. */
export function sizeOrZero(bytes: number | bigint): number {
  return sizeOf(bytes) ?? 0
}

/** A moment; absent for the epoch, which XAPI sends for "never". */
export function timeOf(ms: number): number | undefined {
  return Number.isSafeInteger(ms) && ms > 0 ? ms : undefined
}

/** A whole number in text, of at most 9 digits. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

/** `true` or `1`, as XAPI's maps write yes. */
export function isYes(text: string | undefined): boolean {
  return text === 'true' || text === '1'
}

/** Names of actions as permissions have them, for XAPI's names of operations; others keep theirs, with dashes. */
const actions: Readonly<Record<string, string>> = {
  start_on: 'start',
  clean_shutdown: 'shutdown',
  hard_shutdown: 'shutdown',
  clean_reboot: 'reboot',
  hard_reboot: 'reboot',
  resume_on: 'resume',
  pool_migrate: 'migrate',
  migrate_send: 'migrate',
  checkpoint: 'snapshot',
  snapshot_with_quiesce: 'snapshot',
  copy: 'clone',
  destroy: 'delete',
  resize_online: 'resize',
  make_into_template: 'convertToTemplate',
  vdi_create: 'create-disk',
  vm_start: 'start-vm',
  vm_resume: 'resume-vm',
  vm_migrate: 'migrate-vm',
}

export function actionOf(operation: string): string {
  return actions[operation] ?? operation.replaceAll('_', '-')
}

/** Actions that no operation of XAPI is called like. */
const otherwiseCalled: ReadonlySet<string> = new Set(['delete', 'reboot', 'migrate', 'convertToTemplate'])

/** The operations of XAPI that an action stands for; the inverse of {@link actionOf}. */
export function operationsOf(action: string): readonly string[] {
  const same = Object.entries(actions).flatMap(([name, known]) => (known === action ? [name] : []))
  return otherwiseCalled.has(action) ? same : [action.replaceAll('-', '_'), ...same]
}

/** The actions under way, sorted; absent when there are none. */
export function busyOf(operations: Readonly<Record<string, string>>): string[] | undefined {
  const names = Object.values(operations)
  return names.length === 0 ? undefined : [...new Set(names.map(actionOf))].sort()
}
