import { parseId, type Point, type Vm } from '@nixen/api'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { History } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { formatBytes, formatDay, formatTime } from '../../format/format.ts'
import { backup as t } from '../../i18n/backup.ts'
import { common } from '../../i18n/common.ts'
import { Protected } from '../../lists/protected.tsx'
import { Verified } from '../../lists/verified.tsx'
import { lacking, useAccess } from '../../session/may.ts'
import { Button } from '../../ui/button.tsx'
import { errorText } from '../../ui/error-text.ts'
import { Notice } from '../../ui/notice.tsx'
import { Empty } from '../../ui/page.tsx'
import { Ago } from '../../ui/time.tsx'
import { pointsQuery, repositoriesQuery } from '../backup-queries.ts'
import { solidLink } from '../nothing-connected.tsx'
import { RestoreDialog } from '../restore-dialog.tsx'
import { VmFrame } from './frame.tsx'

/** The moments that a VM can be brought back from, on a rail of time. */
export function VmBackupsPage(): ReactNode {
  return <VmFrame>{(vm) => <Rail vm={vm} />}</VmFrame>
}

function Rail({ vm }: { readonly vm: Vm }): ReactNode {
  const { data, error, isPending } = useQuery(pointsQuery(`uuid:${parseId(vm.id)?.key ?? vm.id}`))
  const repositories = useQuery(repositoriesQuery)
  const access = useAccess()
  const [restoring, setRestoring] = useState<Point>()
  const names = new Map<string, string>(repositories.data?.map(({ id, name }) => [id, name]))
  const points = data?.items ?? []
  const oldest = points.at(-1)
  const days = Map.groupBy(points, ({ time }) => formatDay(time))
  return (
    <>
      {error && <Notice tone="bad">{errorText(error)}</Notice>}
      {isPending && <p role="status">{common.loading}</p>}
      <div className="flex flex-wrap items-center gap-3 empty:hidden">
        <Protected vm={vm} />
        {oldest && (
          <span className="text-muted">{t.chains({ points: data?.total ?? 0, since: formatDay(oldest.time) })}</span>
        )}
      </div>
      {data && points.length === 0 && (
        <Empty
          title={t.noPointsOfVm}
          action={
            <Link
              to="/jobs/new"
              search={{ q: `name:="${vm.name.replaceAll('"', String.raw`\"`)}"` }}
              className={solidLink}
            >
              {t.newJob}
            </Link>
          }
        >
          {t.noPointHelp}
        </Empty>
      )}
      {points.length > 0 && (
        <ol aria-label={t.newPoint} className="border-line ml-2 grid gap-4 border-l-2 pl-5">
          {[...days].map(([day, ofDay]) => (
            <li key={day} className="relative">
              <span aria-hidden className="bg-solid absolute top-1.5 -left-[1.72rem] size-3 rounded-full" />
              <h2 className="mb-1 font-semibold">
                <time>{day}</time>
              </h2>
              <ul className="bg-panel border-line divide-line divide-y rounded-lg border">
                {ofDay.map((point) => (
                  <li key={point.id} className="flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 px-3 py-1.5">
                    <span className="min-w-32 font-medium">
                      <Ago time={point.time} />
                    </span>
                    <span className="text-muted">{names.get(point.repository) ?? point.repository}</span>
                    <span className="text-muted">{point.size === undefined ? '' : formatBytes(point.size)}</span>
                    <Verified point={point} />
                    <Button
                      className="ml-auto"
                      icon={<History size={15} aria-hidden />}
                      reason={lacking(access, 'point:restore')}
                      aria-label={`${t.restoreAsk} ${formatTime(point.time)}`}
                      onClick={() => setRestoring(point)}
                    >
                      {t.restoreAsk}
                    </Button>
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ol>
      )}
      {restoring && <RestoreDialog point={restoring} onClose={() => setRestoring(undefined)} />}
    </>
  )
}
