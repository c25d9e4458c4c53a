// Getters, the event queries and the session's own calls: doing one of them twice leaves the pool as doing it once.
const safe = /^[A-Za-z_]+\.(get_\w+)$/
const others = new Set([
  'event.from',
  'event.inject',
  'session.login_with_password',
  'session.logout',
  'system.listMethods',
  'task.cancel',
  'task.destroy',
  'VDI.list_changed_blocks',
])

/** Whether a method may be sent a second time when it is not known if the first one was acted on. */
export function isSafeMethod(method: string): boolean {
  return safe.test(method) || others.has(method)
}
