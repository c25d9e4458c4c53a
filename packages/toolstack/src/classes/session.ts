import { XapiError } from '@nixen/xapi'
import { sessionOf, type Call } from '../dispatch/call.ts'
import { methods, type MethodSet } from '../dispatch/methods.ts'
import { fault } from '../errors.ts'
import type { Ref } from '../generated/rows.ts'
import { masterOf } from '../pool/pool.ts'

async function login(call: Call, user: string, password: string, originator: string): Promise<Ref<'session'>> {
  return await call.pool.sessions.login(user, password, { originator, host: call.host, signal: call.hungUp })
}

export const session: MethodSet = methods('session', {
  async login_with_password(call, uname, pwd, _version, originator) {
    const master = masterOf(call.db)
    if (call.host !== master) throw fault('HOST_IS_SLAVE', call.db.get('host', master).address)
    return await login(call, uname, pwd, originator)
  },

  /** Works on members too: the session is for the host itself. */
  async slave_local_login_with_password(call, uname, pwd) {
    // Without the master there is no directory to ask.
    if (uname !== 'root') throw new XapiError('SESSION_AUTHENTICATION_FAILED', [uname, 'Authentication failure'])
    return await login(call, uname, pwd, 'local')
  },

  logout(call) {
    call.pool.sessions.close(sessionOf(call).ref)
  },

  local_logout(call) {
    call.pool.sessions.close(sessionOf(call).ref)
  },

  /** Only of `root`: who else there is has their password in the directory. */
  change_password(call, oldPassword, newPassword) {
    if (!call.pool.sessions.isRootPassword(oldPassword)) {
      throw new XapiError('CHANGE_PASSWORD_REJECTED', ['Authentication failure'])
    }
    call.pool.sessions.setRootPassword(newPassword)
  },

  get_all_subject_identifiers(call) {
    const sids = [...call.db.rows('session')].map(({ values }) => values.auth_user_sid)
    return [...new Set(sids.filter((sid) => sid !== ''))]
  },

  logout_subject_identifier(call, subject) {
    const own = sessionOf(call).ref
    for (const { ref, values } of call.db.rows('session')) {
      if (values.auth_user_sid === subject && ref !== own) call.pool.sessions.close(ref)
    }
  },
})
