import type { Point } from '@nixen/api'
import { compileQuery, queryTable } from '@nixen/api'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { History } from 'lucide-react'
import { useDeferredValue, useState, type ReactNode } from 'react'
import { formatBytes, formatCount, formatTime } from '../format/format.ts'
import { QueryBar } from '../lists/query-bar.tsx'
import { useListAddress } from '../lists/list-address.ts'
import { useSettled } from '../lists/use-settled.ts'
import { lacking, useAccess } from '../session/may.ts'
import { Button } from '../ui/button.tsx'
import { errorText } from '../ui/error-text.ts'
import { Notice } from '../ui/notice.tsx'
import { Empty, Page } from '../ui/page.tsx'
import { Grid } from '../lists/grid.tsx'
import type { Column } from '../lists/column.ts'
import { Verified } from '../lists/verified.tsx'
import { Tags } from '../ui/tags.tsx'
import { Ago } from '../ui/time.tsx'
import { useMedia } from '../ui/use-media.ts'
import { pointsQuery, repositoriesQuery } from './backup-queries.ts'
import { RestoreDialog } from './restore-dialog.tsx'
import { common } from '../i18n/common.ts'
import { lists } from '../i18n/lists.ts'
import { shell } from '../i18n/shell.ts'
import { backup as t } from '../i18n/backup.ts'

function columnsOf(
  names: ReadonlyMap<string, string>,
  restore: (point: Point) => void,
  reason: string | undefined,
): readonly Column<Point>[] {
  return [
    {
      id: 'name',
      title: lists.head.vm,
      width: 'minmax(9rem, 1.5fr)',
      narrow: true,
      cell: ({ name }) => <b className="font-medium">{name}</b>,
    },
    {
      id: 'time',
      title: lists.head.taken,
      width: 'minmax(8rem, 1fr)',
      narrow: true,
      cell: ({ time }) => <Ago time={time} />,
    },
    {
      id: 'repository',
      title: lists.head.repository,
      width: 'minmax(7rem, 1fr)',
      cell: ({ repository }) => names.get(repository) ?? repository,
    },
    {
      id: 'size',
      title: lists.head.size,
      width: '6.5rem',
      align: 'end',
      cell: ({ size }) => (size === undefined ? '–' : formatBytes(size)),
    },
    {
      id: 'state',
      title: lists.head.consistency,
      width: 'minmax(7rem, 1fr)',
      cell: ({ consistency }) => consistency ?? '–',
    },
    { id: 'verified', title: t.verified, width: 'minmax(9rem, 1fr)', cell: (point) => <Verified point={point} /> },
    { id: 'tags', title: lists.head.tags, width: 'minmax(8rem, 1fr)', cell: ({ tags }) => <Tags tags={tags} /> },
    {
      id: 'restore',
      title: lists.head.restore,
      width: '9.5rem',
      narrow: true,
      cell: (point) => (
        <Button
          className="min-h-7"
          reason={reason}
          icon={<History size={15} aria-hidden />}
          aria-label={t.restoreOf({ name: point.name, time: formatTime(point.time) })}
          onClick={() => restore(point)}
        >
          {t.restoreAsk}
        </Button>
      ),
    },
  ]
}

/** The moments that VMs can be brought back from. */
export function PointsPage(): ReactNode {
  const { q, setQ } = useListAddress('-time')
  const [now] = useState(() => Date.now())
  const compiled = compileQuery(q, queryTable('point'), { now })
  const good = useSettled(compiled.ok ? q : undefined)
  const { data, error, isPending } = useQuery({ ...pointsQuery(good), placeholderData: keepPreviousData })
  const repositories = useQuery(repositoriesQuery)
  const access = useAccess()
  const [restoring, setRestoring] = useState<Point>()
  const isNarrow = useMedia('(max-width: 720px)')
  const names = new Map<string, string>(repositories.data?.map(({ id, name }) => [id, name]))
  const columns = columnsOf(names, setRestoring, lacking(access, 'point:restore'))
  const items = useDeferredValue(data?.items ?? [])
  const nothing = data?.total === 0 && good === ''
  return (
    <Page title={shell.points} note={data && formatCount(data.total)} fill>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {isPending && <p role="status">{common.loading}</p>}
      {nothing && <Empty title={t.noPoint}>{t.noPointHelp}</Empty>}
      {!nothing && data && (
        <>
          <div className="flex">
            <QueryBar
              type="point"
              text={q}
              onChange={setQ}
              problem={compiled.ok ? undefined : compiled.problem}
              objects={items}
              nameOf={(id) => names.get(id)}
            />
          </div>
          {items.length === 0 ? (
            <Empty
              title={common.nothingMatches}
              action={<Button onClick={() => setQ('')}>{common.clearFilter}</Button>}
            />
          ) : (
            <Grid
              label={shell.points}
              columns={columns.filter(({ narrow }) => !isNarrow || narrow === true)}
              items={items}
              sort="-time"
              onSort={() => undefined}
            />
          )}
          {data.total > items.length && <p className="text-muted">{common.newestShown({ n: items.length })}</p>}
        </>
      )}
      {restoring && <RestoreDialog point={restoring} onClose={() => setRestoring(undefined)} />}
    </Page>
  )
}
