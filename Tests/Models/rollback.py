#!/usr/bin/env python3
"""Explores a cache whose server goes back in time: a restart from an old snapshot, a lagging replica, a backup.

Visits every interleaving of small scenarios (one cell, two or three processes, one or two restarts, a snapshot of any
age) and checks one property: a read that begins after an acknowledged invalidation never returns an older version.
Prints
a line for each scenario, `ok` or `VIOLATION`; with -v the shortest trace of a violation. Exit status 1 if there is one.

    rollback.py [-v] [--SWITCH ...] [SCENARIO ...]

--help lists the switches, each of which turns one rule off; --list what Tests/Models/run expects.

The rules. A master's identity changes with each restart. Its hash has, for each process, a *beat*: the process's own
time
when it was sent; `c:<process>`, the identity that the process has confirmed; and `id`, the identity for which all is
settled.

 1. A connection learns the identity before any other command. A process that has not settled it, reads past the cache.
 2. A process without history is unsettled too, until `id` is the identity. A missing hash is not settled.
 3. A process remembers its applied invalidations, with the time of the acknowledgement. What it forgets is not covered.
 4. Recovery reads the own beat T0, repeats all that was acknowledged at T0 or later, and confirms. No beat: repeat all.
    Not covered back to T0: no confirmation.
 5. Recovery also repeats what was sent and not acknowledged, the opening of an update too; and closings that are
    held, which
    leaves the cell dirty.
 6. A beat is bound to a settled identity: on an unsettled master, the beat stays where it was.
 7. A process with a beat on the master sets `id` when all processes that it has seen alive at T0 or later have
    confirmed.
    Otherwise, when closings that were not repeated have run out, one process empties the caches (values and claims go,
    closed cells become dirty), then sets `id`.
 8. An invalidation is acknowledged only if it was carried out on the master that the process still knows, and if at its
    latest beat every other process has seen this one alive.
 9. A process whose repeats are done serves from the cache when `id` is the identity of its connection.
"""
import sys
from collections import deque

# Each with a scenario that is a violation with it.
SWITCHES = {
    'no-bypass': ('restart', 'unsettled processes use the cache (rule 1)'),
    'newcomer-trusts': ('newcomer', 'a process without history takes any master for settled (rule 2)'),
    'absent-trusts': ('bare', 'a process without history takes a master without the hash for settled (rule 2)'),
    'sent-time': ('restart', 'invalidations are remembered with the time when they were sent (rule 3)'),
    'forget-covers': ('forget', 'what was forgotten counts as covered (rule 3)'),
    'fixed-window': ('restart', 'only invalidations since the last beat are repeated, whatever T0 says (rule 4)'),
    'flight-confirms': ('update', 'what was not acknowledged is not carried out again (rule 5)'),
    'no-reclose': ('update', 'closings that are held are not repeated (rule 5)'),
    'reclose-clean': ('through', 'a closing that is repeated leaves the cell clean (rule 5)'),
    'beat-advances': ('twice', 'beats go on while the master is unsettled (rule 6)'),
    'beat-first': ('restart', 'the first command on a new master is the next beat (rule 6)'),
    'missing-covers': ('collect', 'a process without a beat on the master may set id (rule 7)'),
    'purge-opens-closed': ('update', 'emptying deletes closed cells too (rule 7)'),
    'purge-keeps-claims': ('claim', 'emptying leaves claims (rule 7)'),
    'short-patience': ('update', 'the caches are emptied before a closing would have run out (rule 7)'),
    'purge-leaves-clean': ('through', 'emptying does not make closed cells dirty (rule 7)'),
    'late-ack': ('restart', 'a late acknowledgement by an old master counts (rule 8)'),
    'unseen-counts': ('joiner', 'an invalidation is acknowledged before others have seen the process (rule 8)'),
    'silent-counts': ('death', 'a process whose beat has not moved counts as ended, and still has acknowledgements (rule 8)'),
    'no-confirm': ('restart', 'a process serves after its own repeats (rule 9)'),
}

ABSENT = ('absent',)
OFF, UP, DEAD = range(3)
NEVER = -9  # no time; a beat of -1 says that the process is alive and covers nothing

# process: state, connection's identity, settled identity, recovery's step, T0, own time,
#          time of the remembered invalidation, time of the newest forgotten one, when each other one was seen alive
IDLE, KNOWN, REPEATED, CONFIRMED = range(4)
OUTLIVED = -1  # of a write: its closing has run out


class Scenario:
    """What there is at first, and what may happen."""

    def __init__(self, about, readers='', writers='', late='', mortal='', restarts=1, value=True, hash=True, beats=2,
                 forgets=False, collects=False):
        self.about = about
        self.readers = tuple(int(p) for p in readers)  # the process of each reader
        self.writers = tuple((w[0], int(w[1])) for w in writers.split())  # kind and process of each writer
        self.late = {int(p) for p in late}  # processes that start at any time
        self.mortal = {int(p) for p in mortal}  # processes that may die
        self.restarts, self.value, self.hash, self.beats = restarts, value, hash, beats
        self.forgets, self.collects = forgets, collects
        self.count = 1 + max([*self.readers, *(p for _, p in self.writers), *self.late, *self.mortal])

    def start(self):
        n = self.count
        first = [p for p in range(n) if p not in self.late]
        seen = tuple(0 if p in first and self.hash else NEVER for p in range(n))
        settled = (UP, 1, 1, CONFIRMED, NEVER, 0, NEVER, NEVER, seen)
        fresh = (UP, 0, 0, IDLE, NEVER, 0, NEVER, NEVER, (NEVER,) * n)
        processes = tuple((OFF, *fresh[1:]) if p in self.late else settled if self.hash else fresh for p in range(n))
        beats = tuple(0 if self.hash and p in first else NEVER for p in range(n))
        return (0, 0, 1, ('value', 0) if self.value else ABSENT, 1 if self.hash else 0, beats, (0,) * n,
                (None,) * self.restarts, processes, (('idle', 0, 0),) * len(self.readers), ((0, 0, 0, 0),) * len(self.writers))


def put(values, index, value): return values[:index] + (value,) + values[index + 1:]


def invalidated(cell): return ('closed', cell[1], True) if cell[0] == 'closed' else ABSENT


def successors(scenario, off, s):
    """Yields what may happen next: a label, the state after it, and what is wrong with it if anything is."""
    db, acked, inc, cell, ident, beats, confirmed, snaps, P, R, W = s

    def state(db=db, acked=acked, cell=cell, ident=ident, beats=beats, confirmed=confirmed, snaps=snaps, P=P, R=R, W=W):
        return (db, acked, inc, cell, ident, beats, confirmed, snaps, P, R, W)

    def counted(p):
        """Whether at its latest beat every other process has seen this one alive."""
        return all(q == p or P[q][0] != UP or P[q][2] == 0 or P[q][8][p] >= P[q][5] for q in range(scenario.count))

    # The server: a snapshot is saved at any moment, a restart brings it back.
    for k, snap in enumerate(snaps):
        if snap is None:
            yield f'snapshot {k + 1} is saved', state(snaps=put(snaps, k, (cell, ident, beats, confirmed))), None
    if inc <= scenario.restarts and snaps[inc - 1] not in (None, ()):
        yield (f'RESTART from snapshot {inc}', (db, acked, inc + 1, *snaps[inc - 1], put(snaps, inc - 1, ()), P, R, W), None)

    for p, (up, conn, done, step, t0, time, mem, forgot, seen) in enumerate(P):
        def process(up=up, conn=conn, done=done, step=step, t0=t0, time=time, mem=mem, forgot=forgot, seen=seen):
            return put(P, p, (up, conn, done, step, t0, time, mem, forgot, seen))

        if up == OFF: yield f'P{p} starts', state(P=process(up=UP)), None
        if up == DEAD and scenario.collects and beats[p] != NEVER:
            yield f"dead P{p}'s beat is removed", state(beats=put(beats, p, NEVER)), None
        if up != UP: continue
        if p in scenario.mortal:
            dead = put(P, p, (DEAD, 0, 0, IDLE, NEVER, 0, NEVER, NEVER, (NEVER,) * scenario.count))
            yield f'P{p} DIES', state(P=dead, R=tuple(('done', 0, 0) if q == p else r for q, r in zip(scenario.readers, R))), None
        if scenario.forgets and mem != NEVER:
            yield f'P{p} forgets what it has invalidated', state(P=process(mem=NEVER, forgot=mem)), None
        if conn != inc:
            own, now, clock = beats, beats[p], time
            if 'beat-first' in off and done: clock, now = time + 1, time + 1
            # Whom it has never seen may be alive; of the others it knows better.
            known = tuple(clock if q != p and t != NEVER and seen[q] == NEVER else seen[q] for q, t in enumerate(beats))
            own = put(beats, p, -1 if now == NEVER else now)
            trusts = not done and (ident == inc or 'newcomer-trusts' in off
                                   or 'absent-trusts' in off and not ident and set(beats) == {NEVER})
            yield (f'P{p} connects to master {inc}, its beat there: {now if now >= 0 else None}' + (', settled' if trusts else ''),
                   state(beats=own, ident=inc if trusts else ident,
                         P=process(conn=inc, done=inc if trusts else done, step=CONFIRMED if trusts else KNOWN, t0=NEVER if trusts else now,
                                   time=clock, seen=known)), None)
            continue
        settled = done == inc
        if (settled or 'beat-advances' in off and step != IDLE) and time < scenario.beats:
            alive = [q for q in range(scenario.count) if q != p and beats[q] != NEVER]
            # Silent for long: a dead one always, one that lives only if the switch says so.
            silent = [q for q in alive if P[q][0] == DEAD or 'silent-counts' in off and P[q][0] == UP]
            for ended in ((), tuple(silent)) if silent else ((),):
                known = tuple(time + 1 if q in alive and q not in ended else t for q, t in enumerate(seen))
                yield (f'P{p} beats: {time + 1}' + (f', takes {list(ended)} for ended' if ended else ''),
                       state(beats=put(beats, p, time + 1), P=process(time=time + 1, seen=known)), None)
        if settled: continue
        covers = t0 <= forgot if t0 >= 0 else forgot != NEVER
        covers = not covers or 'forget-covers' in off
        if step == KNOWN:
            again = mem != NEVER and (t0 < 0 or mem >= t0)
            if 'fixed-window' in off: again = mem != NEVER and mem >= time
            c2 = invalidated(cell) if again else cell
            held = [w for w, (kind, q) in enumerate(scenario.writers) if q == p and kind != 'I' and W[w][0] in (1, 2)]
            if 'no-reclose' not in off:
                for w in held:
                    if c2[0] != 'closed': c2 = ('closed', frozenset({w}), 'reclose-clean' not in off)
                    elif w not in c2[1]: c2 = ('closed', c2[1] | {w}, True)
            after = W
            for w, (kind, q) in enumerate(scenario.writers):
                phase, version, where, sent = W[w]
                if q == p and phase == 3 and where != inc and not off & {'late-ack', 'flight-confirms'}:
                    c2, after = invalidated(c2), put(after, w, (3, version, inc, sent))
            label = f'P{p} recovers from {t0 if t0 >= 0 else None}: ' + ('repeats its invalidation' if again else 'nothing to repeat')
            yield (label + (', closes' if held else '') + (', confirms' if covers else ''),
                   state(cell=c2, confirmed=put(confirmed, p, inc) if covers else confirmed, W=after,
                         P=process(step=CONFIRMED if covers else REPEATED)), None)
        if step == CONFIRMED and ident != inc and (t0 >= 0 or 'missing-covers' in off):
            if all(q == p or t == NEVER or t < t0 or confirmed[q] == inc for q, t in enumerate(seen)):
                yield f'P{p} settles: all have confirmed', state(ident=inc), None
        if ident != inc:
            c2 = invalidated(cell)
            if cell[0] == 'closed' and 'purge-opens-closed' in off: c2 = ABSENT
            elif cell[0] == 'closed' and 'purge-leaves-clean' in off: c2 = cell
            elif cell[0] == 'claim' and 'purge-keeps-claims' in off: c2 = cell
            after = W
            for w, (kind, q) in enumerate(scenario.writers):
                # A closing that could not be repeated in that time has run out.
                if kind != 'I' and W[w][0] in (1, 2) and confirmed[q] != inc and 'short-patience' not in off:
                    after = put(after, w, (*W[w][:3], OUTLIVED))
            yield f'P{p} empties the caches and settles', state(cell=c2, ident=inc, W=after), None
        if step >= REPEATED and (ident == inc or 'no-confirm' in off):
            yield f'P{p} serves from the cache again', state(P=process(done=inc, step=CONFIRMED, t0=NEVER)), None

    # Readers: idle, load, fill, join, done. Each is (phase, least version, version or leader). A read begins and looks at once:
    # one that began earlier may see older versions. A read that ends well is left out: it may as well not have begun.
    for i, (phase, least, v) in enumerate(R):
        p = scenario.readers[i]
        up, conn, done = P[p][:3]
        if up != UP or phase == 'done': continue

        def reader(*r, others=R): return put(others, i, r)

        if phase == 'idle':
            if conn != inc or done != inc and 'no-bypass' not in off: continue
            if cell == ABSENT: yield f'R{i} of P{p} claims', state(cell=('claim', i), R=reader('load', 0, 0)), None
            elif cell[0] == 'value' and cell[1] < acked:
                yield f'R{i} of P{p} hits {cell[1]}', s, f'must be {acked} or newer'
            elif cell[0] == 'claim' and cell[1] != i and scenario.readers[cell[1]] == p and R[cell[1]][0] in ('load', 'fill'):
                yield f'R{i} of P{p} joins R{cell[1]}', state(R=reader('join', acked, cell[1])), None
        elif phase == 'load': yield f'R{i} loads {db}', state(R=reader('fill', 0, db)), None
        elif phase == 'fill':
            fills = conn == inc and cell == ('claim', i)
            joined = [j for j, r in enumerate(R) if r[0] == 'join' and r[2] == i]
            wrong = [f'R{j} has joined, and must see {R[j][1]} or newer' for j in joined if v < R[j][1]]
            if fills or wrong:
                after = tuple(('done', 0, 0) if j in joined else r for j, r in enumerate(R))
                yield (f'R{i} ' + (f'fills {v}' if fills else f'returns {v}, fills nothing'),
                       state(cell=('value', v) if fills else cell, R=reader('done', 0, 0, others=after)),
                       wrong[0] if wrong else None)

    # Writers: I writes and invalidates; U closes, writes, opens; T does that and fills. Each is
    # (phase, version, identity or nothing, own time when sent). 3: carried out, not acknowledged yet; 4: done.
    for w, (kind, p) in enumerate(scenario.writers):
        phase, version, where, sent = W[w]
        up, conn, done, step, t0, time, mem, forgot, seen = P[p]
        if phase == 4 or up == OFF: continue

        def writer(*x): return put(W, w, x)

        def opened(value):
            if cell[0] != 'closed': return ABSENT
            rest, dirty = cell[1] - {w}, cell[2] or w not in cell[1]
            if rest: return ('closed', rest, dirty)
            return ('value', value) if value is not None and not dirty else ABSENT

        if up == DEAD:
            if kind == 'I' or phase == 0: continue
            c2 = opened(None) if cell[0] == 'closed' and w in cell[1] else cell
            yield (f"W{w}'s closing runs out" + (f', {version} must be visible' if phase > 1 and sent != OUTLIVED else ''),
                   state(cell=c2, acked=acked if sent == OUTLIVED else max(acked, version), W=writer(4, 0, 0, 0)), None)
            continue
        first = 0 if kind == 'I' else 1
        if kind != 'I' and phase == 0 and conn == inc:
            c2 = ('closed', cell[1] | {w}, True) if cell[0] == 'closed' else ('closed', frozenset({w}), False)
            yield f'W{w} of P{p} closes', state(cell=c2, W=writer(1, 0, 0, 0)), None
        if phase == first: yield f'W{w} of P{p} writes {db + 1}', state(db=db + 1, W=writer(2, db + 1, 0, sent)), None
        if phase == 2 and where == 0 and 'sent-time' in off and conn == inc:
            yield f'W{w} sends its invalidation at {time}', state(W=writer(2, version, conn, time)), None
        elif phase == 2 and conn == inc and where in (0, inc):
            c2 = invalidated(cell) if kind == 'I' else opened(version if kind == 'T' else None)
            yield (f'W{w} ' + ('invalidates' if kind == 'I' else 'opens') + f', leaves {c2[0]}',
                   state(cell=c2, W=writer(3, version, inc, sent)), None)
        if phase == 3 and (conn == where or 'late-ack' in off):
            if not counted(p) and not off & {'unseen-counts', 'silent-counts'}: continue
            mine = put(P, p, (up, conn, done, step, t0, time, sent if 'sent-time' in off else time, forgot, seen))
            yield f'W{w} is acknowledged: {version}', state(acked=max(acked, version), P=mine, W=writer(4, 0, 0, 0)), None


def explore(scenario, off):
    start = scenario.start()
    before, queue = {start: None}, deque([start])
    while queue:
        s = queue.popleft()
        for label, after, wrong in successors(scenario, off, s):
            if wrong:
                trace = [f'{label}  <== {wrong}']
                while before[s]: trace.append(before[s][1]); s = before[s][0]
                return len(before), trace[::-1]
            if after not in before:
                before[after] = (s, label)
                queue.append(after)
    return len(before), None


SCENARIOS = {
    'restart': Scenario('a reader, a writer elsewhere', readers='0', writers='I1'),
    'own': Scenario('a reader and a writer in one process', readers='0', writers='I0'),
    'claim': Scenario('claims that come back', readers='00', writers='I1', value=False, beats=1),
    'death': Scenario('a writer that may die', readers='0', writers='I1', mortal='1'),
    'forget': Scenario('a writer that may forget', readers='0', writers='I1', forgets=True),
    'newcomer': Scenario('a reader that starts at any time', readers='0', writers='I1', late='0'),
    'bare': Scenario('values from before there was a hash', readers='0', writers='I1', late='0', hash=False, beats=1),
    'joiner': Scenario('a writer that starts at any time and may die', readers='0', writers='I1', late='1', mortal='1'),
    'collect': Scenario('a reader after a dead writer', readers='0', writers='I1', late='0', mortal='1', collects=True, beats=1),
    'twice': Scenario('two restarts', readers='0', writers='I1', mortal='1', restarts=2, beats=1),
    'update': Scenario('an update whose process may die', readers='00', writers='U1', mortal='1', value=False, beats=1),
    'through': Scenario('a write-through and an invalidation', readers='0', writers='T0 I1', beats=1, value=False),
    'three': Scenario('three processes', readers='0', writers='I1', late='2', mortal='1', beats=1),
}


def main():
    words = sys.argv[1:]
    if '--help' in words:
        print(__doc__)
        for name, (_, text) in SWITCHES.items(): print(f'    --{name:20}{text}')
        print()
        for name, scenario in SCENARIOS.items(): print(f'    {name:22}{scenario.about}')
        return 0
    if '--list' in words:
        for name in SCENARIOS: print('ok', name)
        for name, (scenario, _) in SWITCHES.items(): print('VIOLATION', scenario, f'--{name}')
        return 0
    off = {word[2:] for word in words if word.startswith('--')}
    names = [word for word in words if not word.startswith('-')] or list(SCENARIOS)
    unknown = off - set(SWITCHES) or set(names) - set(SCENARIOS)
    if unknown: sys.exit(f'unknown: {", ".join(sorted(unknown))}; --help lists switches and scenarios')
    found = False
    for name in names:
        count, trace = explore(SCENARIOS[name], off)
        print(f'{"VIOLATION" if trace else "ok       "} {name:9} {SCENARIOS[name].about}: {count} states', flush=True)
        if trace:
            found = True
            if '-v' in words: print(*(f'      {line}' for line in trace), sep='\n')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
