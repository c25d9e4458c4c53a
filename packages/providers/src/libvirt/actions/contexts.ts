import { connectionErrors } from '@nixen/api'
import type { ProviderSession } from '../../provider.ts'
import type { LibvirtContext } from './context.ts'

const contexts = new WeakMap<ProviderSession, LibvirtContext>()

/** Makes the context of a session known, for what goes from one host to another. */
export function rememberContext(session: ProviderSession, context: LibvirtContext): void {
  contexts.set(session, context)
}

/** The context of a session. @throws connection.unsupported when it is not one of libvirt */
export function contextOf(session: ProviderSession): LibvirtContext {
  const context = contexts.get(session)
  if (context) return context
  throw connectionErrors.unsupported({
    action: 'Moving it there',
    reason: 'the other connection is of another kind. Back it up and restore it there.',
  })
}
