import type { ConnectionId, Point, RestorePreview, StorageId } from '@nixen/api'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { formatBytes, formatTime } from '../format/format.ts'
import { useAll, useName } from '../live/live.ts'
import { client } from '../session/session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogButtons } from '../ui/dialog.tsx'
import { errorText } from '../ui/error-text.ts'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
import { ObjectLink } from '../ui/link-to.tsx'
import { Notice } from '../ui/notice.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { toast } from '../ui/toasts.tsx'
import { useWork } from '../ui/use-work.ts'

/** Brings a VM back in two steps: where to and as what, then the plan of what will be done. */
export function RestoreDialog({ point, onClose }: { readonly point: Point; readonly onClose: () => void }): ReactNode {
  const connections = useAll('connection').filter(({ state }) => state === 'connected')
  const [connection, setConnection] = useState('')
  const [identity, setIdentity] = useState<'new' | 'same'>('new')
  const [name, setName] = useState('')
  const [storage, setStorage] = useState('')
  const [start, setStart] = useState(false)
  const [step, setStep] = useState<'wish' | 'plan'>('wish')
  const storages = useAll('storage').filter(
    (one) =>
      (one.content === 'disks' || one.content === 'mixed') && (connection === '' || one.connection === connection),
  )
  const wish = {
    id: point.id,
    identity,
    start,
    ...(connection === '' ? {} : { connection: connection as ConnectionId }),
    ...(name.trim() === '' ? {} : { name: name.trim() }),
    ...(storage === '' ? {} : { storage: storage as StorageId }),
  }
  const title = `Restore ${point.name} of ${formatTime(point.time)}`
  if (step === 'plan')
    return (
      <Dialog title={title} onClose={onClose} wide>
        <Plan wish={wish} onBack={() => setStep('wish')} onDone={onClose} />
      </Dialog>
    )
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          setStep('plan')
        }}
      >
        <SelectField label="To" value={connection} onChange={(event) => setConnection(event.target.value)}>
          <option value="">the pool that it was taken from</option>
          {connections.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </SelectField>
        <SelectField
          label="As"
          value={identity}
          help={
            identity === 'new'
              ? 'Beside the old one, with MAC addresses of its own.'
              : 'For a VM that is lost: it gets its MAC addresses, and its line of backups goes on.'
          }
          onChange={(event) => setIdentity(event.target.value === 'same' ? 'same' : 'new')}
        >
          <option value="new">a new VM</option>
          <option value="same">the same VM</option>
        </SelectField>
        <TextField
          label="Name"
          placeholder={point.name}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <SelectField label="Disks on" value={storage} onChange={(event) => setStorage(event.target.value)}>
          <option value="">the storage where they were, or the default one</option>
          {storages.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
              {one.size === undefined ? '' : ` (${formatBytes(one.size - (one.used ?? 0))} free)`}
            </option>
          ))}
        </SelectField>
        <CheckField
          label="Start it when it is whole"
          checked={start}
          onChange={(event) => setStart(event.target.checked)}
        />
        <DialogButtons>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="solid">
            Show the plan
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  )
}

type Wish = Parameters<typeof client.point.restorePlan>[0]

function Plan({
  wish,
  onBack,
  onDone,
}: {
  readonly wish: Wish
  readonly onBack: () => void
  readonly onDone: () => void
}): ReactNode {
  const plan = useQuery({
    queryKey: ['point.restorePlan', wish],
    queryFn: async ({ signal }) => await client.point.restorePlan(wish, { signal }),
    gcTime: 0,
    retry: false,
  })
  const work = useWork()
  const send = async (): Promise<void> => {
    await client.point.restore(wish)
    toast('good', `${plan.data?.name ?? 'The VM'} is being restored. Follow it among the tasks.`)
    onDone()
  }
  const problems = plan.data?.problems ?? []
  return (
    <div className="grid gap-4">
      {plan.isPending && <p role="status">Making the plan …</p>}
      {plan.error && <Notice tone="bad">{errorText(plan.error)}</Notice>}
      {plan.data && <PlanDetails plan={plan.data} />}
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      <DialogButtons>
        <Button onClick={onBack}>Back</Button>
        <Button
          look="solid"
          disabled={work.busy || !plan.data}
          reason={problems.length > 0 ? 'It cannot be done like this.' : undefined}
          onClick={() => void work.run(send)}
        >
          Restore
        </Button>
      </DialogButtons>
    </div>
  )
}

function PlanDetails({ plan: { name, disks, nics, notes, problems } }: { readonly plan: RestorePreview }): ReactNode {
  return (
    <>
      <p>
        This makes <b>{name}</b>. Until all of it is there, it cannot be started; if something fails, it is taken back.
      </p>
      {problems.map((problem) => (
        <Notice key={problem} tone="bad">
          {problem}
        </Notice>
      ))}
      <SimpleTable
        label="Disks"
        heads={['Disk', 'Size', 'Storage', 'How']}
        none="It has no disks."
        rows={disks.map(({ key, name: disk, size, storage, mode }) => ({
          id: key,
          cells: [
            disk,
            formatBytes(size),
            <ObjectLink id={storage} />,
            mode === 'whole' ? 'all of it is written' : 'only what differs is written',
          ],
        }))}
      />
      <SimpleTable
        label="NICs"
        heads={['NIC', 'Network', 'MAC address']}
        none="It has no NICs."
        rows={nics.map(({ position, network, mac }) => ({
          id: position,
          cells: [
            position,
            network === null ? 'left out' : <NetworkName id={network} />,
            mac === 'keep' ? 'the same' : 'a new one',
          ],
        }))}
      />
      {notes.map((note) => (
        <Notice key={note} tone="info">
          {note}
        </Notice>
      ))}
    </>
  )
}

function NetworkName({ id }: { readonly id: string }): ReactNode {
  return useName(id) ?? 'unknown'
}
