import type { Channel } from '@nixen/api'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import { lacking, useAccess } from '../../session/may.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { errorText } from '../../ui/error-text.ts'
import { FormDialog } from '../../ui/form-dialog.tsx'
import { Notice, type Tone } from '../../ui/notice.tsx'
import { Empty, Facts } from '../../ui/page.tsx'
import { State } from '../../ui/state.tsx'
import { Ago } from '../../ui/time.tsx'
import { useWork } from '../../ui/use-work.ts'
import { ChannelDialog } from './channel-dialog.tsx'
import { SettingsFrame } from './frame.tsx'
import { channelsQuery } from './settings-queries.ts'

type Asked = { readonly kind: 'new' } | { readonly kind: 'edit' | 'delete'; readonly channel: Channel }

/** How people are told what happens. */
export function ChannelsPage(): ReactNode {
  const { data, error, isPending } = useQuery(channelsQuery)
  const access = useAccess()
  const [asked, setAsked] = useState<Asked>()
  const close = (): void => setAsked(undefined)
  const make = (
    <Button
      look="solid"
      icon={<Plus size={16} aria-hidden />}
      reason={lacking(access, 'channel:create')}
      onClick={() => setAsked({ kind: 'new' })}
    >
      {t.channelNew}
    </Button>
  )
  const isEmpty = data?.length === 0
  return (
    <SettingsFrame title={t.channels} fill={isEmpty} actions={!isEmpty && make}>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {isPending && <p role="status">{common.loading}</p>}
      {isEmpty && (
        <Empty title={t.channelNone} action={make}>
          {t.channelNoneHelp}
        </Empty>
      )}
      <ul className="grid gap-4 empty:hidden xl:grid-cols-2">
        {data?.map((channel) => (
          <ChannelCard key={channel.id} channel={channel} onAsk={setAsked} />
        ))}
      </ul>
      {asked?.kind === 'new' && <ChannelDialog onClose={close} />}
      {asked?.kind === 'edit' && <ChannelDialog channel={asked.channel} onClose={close} />}
      {asked?.kind === 'delete' && <RemoveChannel channel={asked.channel} onClose={close} />}
    </SettingsFrame>
  )
}

function ChannelCard({
  channel,
  onAsk,
}: {
  readonly channel: Channel
  readonly onAsk: (asked: Asked) => void
}): ReactNode {
  const { id, name, kind, address, enabled, waiting, lastSent, lastFailure } = channel
  const access = useAccess()
  const work = useWork()
  const [answer, setAnswer] = useState<{ readonly tone: Tone; readonly text: string }>()
  const test = async (): Promise<void> => {
    const { ok, answer: said } = await client.channel.test({ id })
    setAnswer({
      tone: ok ? 'good' : 'bad',
      text: ok ? t.channelTested({ answer: said }) : t.channelFailed({ answer: said }),
    })
  }
  return (
    <li className="bg-panel border-line grid content-start gap-3 rounded-lg border p-4">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h2 className="font-semibold break-words">{name}</h2>
        <State shape={enabled ? 'full' : 'ring'} tone={enabled ? 'good' : 'still'}>
          {enabled ? common.on : common.off}
        </State>
        <span className="ml-auto flex flex-wrap gap-2">
          <Button disabled={work.busy} reason={lacking(access, 'channel:test')} onClick={() => void work.run(test)}>
            {t.channelTest}
          </Button>
          <Button reason={lacking(access, 'channel:update')} onClick={() => onAsk({ kind: 'edit', channel })}>
            {common.edit}
          </Button>
          <Button reason={lacking(access, 'channel:delete')} onClick={() => onAsk({ kind: 'delete', channel })}>
            {common.removeAsk}
          </Button>
        </span>
      </div>
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      {answer && <Notice tone={answer.tone}>{answer.text}</Notice>}
      <Facts
        facts={[
          [t.channelKind, t.channelKinds[kind]],
          [t.channelTo, channel.to?.join(', ') ?? address],
          [t.channelWaiting, waiting === 0 ? undefined : waiting],
          [t.channelSent, lastSent === undefined ? undefined : <Ago time={lastSent} />],
          [
            t.channelLast,
            lastFailure && (
              <>
                <Ago time={lastFailure.at} />: {lastFailure.message}
              </>
            ),
          ],
        ]}
      />
    </li>
  )
}

function RemoveChannel({
  channel: { id, name },
  onClose,
}: {
  readonly channel: Channel
  readonly onClose: () => void
}): ReactNode {
  const queries = useQueryClient()
  const send = async (): Promise<void> => {
    await client.channel.remove({ id })
    await queries.invalidateQueries({ queryKey: channelsQuery.queryKey })
  }
  return (
    <FormDialog title={t.channelDelete({ name })} label={common.remove} look="danger" send={send} onClose={onClose}>
      <p>{t.channelDeleteHelp}</p>
    </FormDialog>
  )
}
