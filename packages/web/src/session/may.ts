import { may, type Access, type Permission } from '@nixen/api'
import { useValue } from '../value.ts'
import { session } from './session.ts'
import { common } from '../i18n/common.ts'

/** What the user who is signed in may do. Only below the gate. */
export function useAccess(): Access {
  const state = useValue(session)
  if (!('access' in state)) throw new Error('Nobody is signed in.')
  return state.access
}

/** Why something may not be done, for lack of a permission; `undefined` when it may. */
export function lacking(access: Access, permission: Permission, object?: object): string | undefined {
  return may(access, permission, object) ? undefined : common.missingPermission({ permission })
}
