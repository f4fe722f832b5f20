import RedisClient

/// The scripts of the record that each master keeps of the processes that use it; see ``MasterRecord``.
///
/// One key, a hash: `id`, the identity of the master for which all is settled; `p:<process>`, a beat; `c:<process>`, the
/// identity for which a process has repeated its invalidations; `e`, the process that empties the caches.
extension RedisScripts {
    /// ARGV: process, its own time in ms, that of its last beat or nothing, identity, ms of the process's part, ms of the record,
    /// 1 to replace another identity.
    ///
    /// Answers 1, the server's time in ms, and the record. Without a beat 0 when the last one is not in the record: the data
    /// went back in time; 2 when the record is another master's; and 3 when the master is another one. The server is asked
    /// who it is in the script: a beat that was meant for the one before must not pass for one that the data has seen.
    static let beat = Script(
        """
        local key, field = KEYS[1], 'p:' .. ARGV[1]
        local time = redis.call('TIME')
        local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
        local info = redis.call('INFO', 'server', 'replication')
        local identity = (string.match(info, 'run_id:(%x+)') or '') .. ' ' .. (string.match(info, 'master_replid:(%x+)') or '')
        if identity ~= ARGV[4] then return {3, now, redis.call('HGETALL', key)} end
        if ARGV[3] ~= '' and redis.call('EXISTS', key) == 1 then
          local last = string.match(redis.call('HGET', key, field) or '', '^%d+')
          if not last or tonumber(last) < tonumber(ARGV[3]) then
            -- The master is as it was, and all others must notice, too.
            if redis.call('HGET', key, 'id') == ARGV[4] then redis.call('HSET', key, 'id', ARGV[4] .. ' lost ' .. now) end
            return {0, now, redis.call('HGETALL', key)}
          end
        end
        local id = redis.call('HGET', key, 'id')
        if id and id ~= ARGV[4] and ARGV[7] ~= '1' then return {2, now, redis.call('HGETALL', key)} end
        -- First what needs no memory: after that a script may go on without.
        redis.call('HDEL', key, 'c:' .. ARGV[1])
        redis.call('HSET', key, field, ARGV[2] .. ' ' .. now, 'id', ARGV[4])
        redis.call('HPEXPIRE', key, ARGV[5], 'FIELDS', 1, field)
        redis.call('HPEXPIRE', key, ARGV[6], 'FIELDS', 1, 'id')
        redis.call('PEXPIRE', key, ARGV[6])
        return {1, now, redis.call('HGETALL', key)}
        """
    )

    /// ARGV: process, identity, ms.
    static let confirm = Script(
        """
        redis.call('HSET', KEYS[1], 'c:' .. ARGV[1], ARGV[2])
        redis.call('HPEXPIRE', KEYS[1], ARGV[3], 'FIELDS', 1, 'c:' .. ARGV[1])
        return 1
        """
    )

    /// ARGV: process, ms.
    ///
    /// 1 if this process is the one that empties the caches; to be called again while it does.
    static let beginEmptying = Script(
        """
        local other = redis.call('HGET', KEYS[1], 'e')
        if other and other ~= ARGV[1] then return 0 end
        redis.call('HSET', KEYS[1], 'e', ARGV[1])
        redis.call('HPEXPIRE', KEYS[1], ARGV[2], 'FIELDS', 1, 'e')
        return 1
        """
    )

    /// ARGV: process, identity, ms of the record.
    static let settle = Script(
        """
        redis.call('HSET', KEYS[1], 'id', ARGV[2])
        redis.call('HPEXPIRE', KEYS[1], ARGV[3], 'FIELDS', 1, 'id')
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        if redis.call('HGET', KEYS[1], 'e') == ARGV[1] then redis.call('HDEL', KEYS[1], 'e') end
        return 1
        """
    )
}
