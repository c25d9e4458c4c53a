import { sessionOf, type Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { XapiError } from '@nixen/xapi'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { roleAllows } from '../session/roles.ts'

/** A task is its owner's; others need to be pool operators. */
function assertMayTouch(call: Call, ref: Ref<'task'>, permission: string): void {
  const task = call.db.get('task', ref)
  const session = sessionOf(call)
  const owner = call.db.find('session', task.session)?.auth_user_sid
  const own = call.db.get('session', session.ref).auth_user_sid
  if (owner === own || roleAllows(call.db.model, session.role, 'pool-operator')) return
  throw new XapiError('RBAC_PERMISSION_DENIED', [`${permission}/any`, 'No permission in user session'])
}

export const task: MethodSet = methods('task', {
  create(call, label, description) {
    const { ref } = sessionOf(call)
    return call.pool.tasks.create(label, { name_description: description, session: ref, resident_on: call.host })
  },

  destroy(call, self) {
    assertMayTouch(call, self, 'task.destroy')
    call.pool.tasks.destroy(self)
  },

  cancel(call, self) {
    assertMayTouch(call, self, 'task.cancel')
    call.pool.tasks.cancel(self)
  },

  set_status(call, self, value) {
    assertMayTouch(call, self, 'task.set_status')
    const { status } = call.db.get('task', self)
    if (status !== 'pending' && status !== 'cancelling') throw fault('OPERATION_NOT_ALLOWED', 'The task has ended')
    const ended = value === 'success' || value === 'failure' || value === 'cancelled'
    if (ended) call.db.update(self, { finished: call.pool.clock.now(), progress: 1 })
    call.db.update(self, { status: value })
  },

  set_progress(call, self, value) {
    assertMayTouch(call, self, 'task.set_progress')
    call.db.update(self, { progress: value })
  },

  set_result(call, self, value) {
    assertMayTouch(call, self, 'task.set_result')
    call.db.update(self, { result: value })
  },

  set_error_info(call, self, value) {
    assertMayTouch(call, self, 'task.set_error_info')
    call.db.update(self, { error_info: value })
  },

  set_other_config(call, self, value) {
    assertMayTouch(call, self, 'task.set_other_config')
    call.db.update(self, { other_config: value })
  },

  add_to_other_config(call, self, key, value) {
    assertMayTouch(call, self, 'task.add_to_other_config')
    const { other_config } = call.db.get('task', self)
    if (Object.hasOwn(other_config, key)) throw fault('MAP_DUPLICATE_KEY', 'task', 'other_config', self, key)
    call.db.update(self, { other_config: Object.fromEntries([...Object.entries(other_config), [key, value]]) })
  },

  remove_from_other_config(call, self, key) {
    assertMayTouch(call, self, 'task.remove_from_other_config')
    const { other_config } = call.db.get('task', self)
    call.db.update(self, {
      other_config: Object.fromEntries(Object.entries(other_config).filter(([name]) => name !== key)),
    })
  },
})
