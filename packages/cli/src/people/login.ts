import type { Me } from '@nixen/api'
import { isAppError } from '@nixen/core'
import { canAsk, Terminal } from '../ask.ts'
import { print, type CommonFlags } from '../command.ts'
import { plainFailure } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { keepProfile, openSession, readAccount, serverUrl, type AccountFlags, type SessionClient } from './session.ts'

export interface LoginFlags extends CommonFlags, AccountFlags {
  readonly code?: string
}

/** `nixen login` */
export async function login(context: NixenContext, flags: LoginFlags, address: string): Promise<void> {
  if (flags.profile === 'local') throw cliErrors.local_name()
  const url = serverUrl(address)
  try {
    const session = await openSession(context, url, flags)
    // Says at once when the address is wrong or nobody can log in yet.
    const { setupRequired } = await session.client.meta.about({}, { signal: context.signal })
    if (setupRequired) throw cliErrors.setup_first()
    const account = await readAccount(context, flags, { isNew: false })
    const me = await enter(context, session, { ...account, code: flags.code })
    session.begun(me)
    const profile = await keepProfile(context, { url, session, user: me.user.name, profile: flags.profile })
    print(context, flags, {
      json: { profile, url: url.href, user: me.user.name },
      text: `Logged in to ${url.host} as ${me.user.name}. Profile: ${profile}, in use from now on.`,
    })
  } catch (error) {
    throw plainFailure(error, context.process.env ?? {})
  }
}

interface Credentials {
  readonly name: string
  readonly password: string
  readonly code?: string | undefined
}

async function enter({ signal }: NixenContext, { client }: SessionClient, credentials: Credentials): Promise<Me> {
  try {
    return await client.session.logIn(credentials, { signal })
  } catch (error) {
    if (!isAppError(error, 'auth.code_required') || !canAsk()) throw error
    using terminal = new Terminal(signal)
    const code = await terminal.ask('One-time code: ')
    return await client.session.logIn({ ...credentials, code }, { signal })
  }
}
