import { print, type CommonFlags } from '../command.ts'
import { plainFailure } from '../connect/connect.ts'
import type { NixenContext } from '../context.ts'
import { cliErrors } from '../errors.ts'
import { keepProfile, openSession, readAccount, serverUrl, type AccountFlags } from './session.ts'

export interface SetUpFlags extends CommonFlags, AccountFlags {
  readonly link: string
}

/** `nixen setup` */
export async function setUp(context: NixenContext, flags: SetUpFlags): Promise<void> {
  if (flags.profile === 'local') throw cliErrors.local_name()
  const { url, token } = partsOf(flags.link)
  try {
    const session = await openSession(context, url, flags)
    const { name, password } = await readAccount(context, flags, { isNew: true })
    const me = await session.client.session.setUp({ token, name, password }, { signal: context.signal })
    session.begun(me)
    const profile = await keepProfile(context, { url, session, user: me.user.name, profile: flags.profile })
    print(context, flags, {
      json: { profile, url: url.href, user: me.user.name },
      text: `${me.user.name} is the first administrator of ${url.host}, and logged in. Profile: ${profile}, in use from now on.`,
    })
  } catch (error) {
    throw plainFailure(error, context.process.env ?? {})
  }
}

/** `https://host:8443/base/setup#TOKEN` */
function partsOf(link: string): { readonly url: URL; readonly token: string } {
  const [address = '', token = ''] = link.split('#')
  const base = /^(https?:\/\/.+\/)setup$/.exec(address)?.[1]
  if (base === undefined || token === '') throw cliErrors.no_link({ text: address })
  return { url: serverUrl(base), token }
}
