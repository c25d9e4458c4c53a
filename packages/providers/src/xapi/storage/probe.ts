import { connectionErrors, type HostId, type StorageFinding, type StoragePlace } from '@nixen/api'
import { isXapiError } from '@nixen/xapi'
import { refOf, type PoolContext } from '../actions/context.ts'

interface Asked {
  /** The driver. */
  readonly type: string
  readonly config: Readonly<Record<string, string>>
}

/** Lets a host look at a place (`SR.probe`). Nothing is written. @throws host.not_found, what the driver answers */
export async function probeStorage(
  context: PoolContext,
  { host, place }: { readonly host: HostId; readonly place: StoragePlace },
): Promise<StorageFinding> {
  const { type, config } = askedOf(place)
  const ref = await refOf(context, host, 'host')
  try {
    const xml = await context.xapi.client.SR.probe(ref, config, type, {})
    return { storages: [...xml.matchAll(/<UUID>\s*([^<\s]+)\s*<\/UUID>/g)].map(([, uuid = '']) => ({ uuid })) }
  } catch (error) {
    // The driver tells what it lacks by an error, with what it found so far as its last parameter.
    if (isXapiError(error)) {
      const next = nextOf(error.code, error.params.at(-1) ?? '')
      if (next) return { storages: [], next }
    }
    throw error
  }
}

function askedOf({ kind, server, path, iqn, scsiId, device, username, password }: StoragePlace): Asked {
  const given = (values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined))
  switch (kind) {
    case 'nfs':
      return { type: 'nfs', config: given({ server, serverpath: path }) }
    case 'smb':
      return { type: 'smb', config: given({ server, username, password }) }
    case 'iscsi':
      return {
        type: 'lvmoiscsi',
        config: given({ target: server, targetIQN: iqn, SCSIid: scsiId, chapuser: username, chappassword: password }),
      }
    case 'ext':
    case 'lvm':
      return { type: kind, config: given({ device }) }
    case 'file':
      return { type: 'file', config: given({ location: path }) }
    default:
      throw connectionErrors.unsupported({
        action: 'Looking',
        reason: `XAPI has no storage of the kind ${String(kind)}.`,
      })
  }
}

/** Numbers of the storage manager's driver errors that carry a list (`XE_SR_ERRORCODES.xml`). */
function nextOf(code: string, xml: string): StorageFinding['next'] {
  switch (code) {
    case 'SR_BACKEND_FAILURE_101':
      return {
        field: 'path',
        choices: choicesOf(xml, 'Export', ({ Path = '', Accesslist = '' }) => ({
          value: Path,
          label: `${Path} for ${Accesslist}`,
        })),
      }
    case 'SR_BACKEND_FAILURE_96':
      return {
        field: 'iqn',
        choices: choicesOf(xml, 'TGT', ({ TargetIQN = '', IPAddress = '' }) => ({
          value: TargetIQN,
          label: `${TargetIQN} at ${IPAddress}`,
        })),
      }
    case 'SR_BACKEND_FAILURE_107':
      return {
        field: 'scsiId',
        choices: choicesOf(xml, 'LUN', ({ SCSIid = '', vendor = '', size = '', LUNid = '' }) => ({
          value: SCSIid,
          label: `Unit ${LUNid} of ${vendor}, ${Math.round(Number(size) / 2 ** 30)} GiB`,
        })),
      }
    default:
      return undefined
  }
}

type Choice = NonNullable<StorageFinding['next']>['choices'][number]

/** The elements of a list that the drivers write: children with text alone. */
function choicesOf(xml: string, element: string, make: (fields: Readonly<Record<string, string>>) => Choice): Choice[] {
  const found = new Map<string, Choice>()
  for (const [, inner = ''] of xml.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g'))) {
    const fields = [...inner.matchAll(/<(\w+)>\s*([^<]*?)\s*<\/\1>/g)].map(([, name = '', text = '']) => [
      name,
      unescape(text),
    ])
    const choice = make(Object.fromEntries(fields) as Record<string, string>)
    if (choice.value !== '' && choice.value !== '*') found.set(choice.value, choice)
  }
  return [...found.values()]
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

function unescape(text: string): string {
  return text.replaceAll(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => entities[name] ?? '')
}
