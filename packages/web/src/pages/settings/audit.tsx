import { compileQuery, queryTable, type AuditEntry } from '@nixen/api'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { ShieldCheck } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { formatCount, formatTime } from '../../format/format.ts'
import { common } from '../../i18n/common.ts'
import { settingsText as t } from '../../i18n/settings.ts'
import type { Column } from '../../lists/column.ts'
import { Grid } from '../../lists/grid.tsx'
import { useListAddress } from '../../lists/list-address.ts'
import { QueryBar } from '../../lists/query-bar.tsx'
import { useSettled } from '../../lists/use-settled.ts'
import { client } from '../../session/session.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { errorText } from '../../ui/error-text.ts'
import { Notice } from '../../ui/notice.tsx'
import { Empty, Facts } from '../../ui/page.tsx'
import { State } from '../../ui/state.tsx'
import { Ago } from '../../ui/time.tsx'
import { useMedia } from '../../ui/use-media.ts'
import { useWork } from '../../ui/use-work.ts'
import { SettingsFrame } from './frame.tsx'

/** An entry as grids want their rows. */
interface Entry extends AuditEntry {
  readonly id: string
  readonly name: string
}

const columns: readonly Column<Entry>[] = [
  { id: 'time', title: t.auditWhen, width: 'minmax(9rem, 1fr)', narrow: true, cell: ({ time }) => <Ago time={time} /> },
  { id: 'who', title: t.auditWho, width: 'minmax(7rem, 1fr)', cell: ({ userName }) => userName ?? common.none },
  {
    id: 'what',
    title: t.auditWhat,
    width: 'minmax(9rem, 1.2fr)',
    narrow: true,
    cell: ({ action }) => <code className="text-xs">{action}</code>,
  },
  {
    id: 'on',
    title: t.auditOn,
    width: 'minmax(8rem, 1.2fr)',
    cell: ({ on, onName }) => <span title={on}>{onName ?? on ?? common.none}</span>,
  },
  {
    id: 'ok',
    title: t.auditResult,
    width: 'minmax(8rem, 1fr)',
    narrow: true,
    cell: ({ ok, code }) => (
      <State shape={ok ? 'full' : 'cross'} tone={ok ? 'good' : 'bad'}>
        {ok ? t.auditDone : <code className="text-xs">{code}</code>}
      </State>
    ),
  },
  { id: 'from', title: t.auditFrom, width: 'minmax(8rem, 0.8fr)', cell: ({ address }) => address ?? common.none },
]

/** Who did what, newest first. */
export function AuditPage(): ReactNode {
  const { q, setQ } = useListAddress('-seq')
  const [now] = useState(() => Date.now())
  const compiled = compileQuery(q, queryTable('audit'), { now })
  const good = useSettled(compiled.ok ? q : undefined)
  const [shown, setShown] = useState<Entry>()
  const isNarrow = useMedia('(max-width: 720px)')
  const { data, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['audit.list', good],
    queryFn: async ({ signal, pageParam }) => {
      const { items: found, next } = await client.audit.list(
        { limit: 200, ...(good === '' ? {} : { q: good }), ...(pageParam === '' ? {} : { cursor: pageParam }) },
        { signal },
      )
      const entries: readonly Entry[] = found.map((entry) =>
        Object.assign(entry, { id: String(entry.seq), name: entry.action }),
      )
      return { entries, next }
    },
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    retry: false,
  })
  const items = (data?.pages ?? []).flatMap((page) => page.entries)
  return (
    <SettingsFrame title={t.audit} fill actions={<Verify />}>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {isPending && <p role="status">{common.loading}</p>}
      {data && (
        <>
          <div className="flex">
            <QueryBar
              type="audit"
              text={q}
              onChange={setQ}
              problem={compiled.ok ? undefined : compiled.problem}
              objects={items}
              nameOf={() => undefined}
              placeholder={t.auditFilter}
            />
          </div>
          {items.length === 0 ? (
            <Empty title={good === '' ? t.auditNone : common.nothingMatches} />
          ) : (
            <Grid
              label={t.audit}
              columns={columns.filter(({ narrow }) => !isNarrow || narrow === true)}
              items={items}
              sort="-seq"
              onSort={() => undefined}
              onOpen={setShown}
            />
          )}
          {hasNextPage && (
            <div>
              <Button disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                {t.auditMore}
              </Button>
            </div>
          )}
        </>
      )}
      {shown && <EntryDialog entry={shown} onClose={() => setShown(undefined)} />}
    </SettingsFrame>
  )
}

function EntryDialog({ entry, onClose }: { readonly entry: Entry; readonly onClose: () => void }): ReactNode {
  const { seq, time, action, ok, code, userName, token, address, on, onName, requestId, details, hash } = entry
  return (
    <Dialog title={action} onClose={onClose} wide>
      <Facts
        facts={[
          [t.auditNumber, formatCount(seq)],
          [t.auditWhen, formatTime(time)],
          [t.auditWho, userName],
          [t.tokens, token],
          [t.auditFrom, address],
          [t.auditOn, [onName, on].filter(Boolean).join(', ')],
          [t.auditResult, ok ? t.auditDone : code],
          [common.id, <code className="text-xs break-all">{requestId}</code>],
          [
            t.auditDetails,
            details && (
              <pre className="bg-ground max-h-64 overflow-auto rounded-md p-2 text-xs" tabIndex={0}>
                {JSON.stringify(details, undefined, 2)}
              </pre>
            ),
          ],
          ['SHA-256', <code className="text-xs break-all">{hash}</code>],
        ]}
      />
    </Dialog>
  )
}

function Verify(): ReactNode {
  const work = useWork()
  const [verdict, setVerdict] = useState<Awaited<ReturnType<typeof client.audit.verify>>>()
  return (
    <>
      <Button
        icon={<ShieldCheck size={16} aria-hidden />}
        disabled={work.busy}
        onClick={() => void work.run(async () => setVerdict(await client.audit.verify()))}
      >
        {t.auditVerify}
      </Button>
      {work.error !== undefined && <Notice tone="bad">{work.error}</Notice>}
      {verdict && (
        <Dialog title={t.audit} onClose={() => setVerdict(undefined)}>
          <Notice tone={verdict.ok ? 'good' : 'bad'}>
            {verdict.ok ? t.auditWhole({ entries: verdict.entries }) : t.auditBroken({ at: verdict.brokenAt ?? 0 })}
          </Notice>
          <div className="mt-3">
            <Facts facts={[[t.auditHead, verdict.head && <code className="text-xs break-all">{verdict.head}</code>]]} />
          </div>
        </Dialog>
      )}
    </>
  )
}
