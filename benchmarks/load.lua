-- For wrk: posts pictures in turn. Arguments after "--": raw | multipart | json, the path, then files.
local requests, at = {}, 0

local function read(name)
  local file = assert(io.open(name, "rb"))
  local data = file:read("*a")
  file:close()
  return data
end

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function base64(data)
  local out = {}
  for i = 1, #data, 3 do
    local a, b, c = data:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 0, 3 do
      local d = math.floor(n / 64 ^ (3 - k)) % 64 + 1
      out[#out + 1] = (k == 2 and not b or k == 3 and not c) and "=" or digits:sub(d, d)
    end
  end
  return table.concat(out)
end

function init(args)
  local mode, path = args[1], args[2]
  for i = 3, #args do
    local data, kind = read(args[i]), "image/jpeg"
    if mode == "multipart" then
      kind = "multipart/form-data; boundary=b"
      data = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        .. data .. "\r\n--b--\r\n"
    elseif mode == "json" then
      kind = "application/json"
      data = '{"image": "' .. base64(data) .. '"}'
    end
    requests[#requests + 1] = wrk.format("POST", path, { ["Content-Type"] = kind }, data)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '@event {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p95_ms": %.3f, "p99_ms": %.3f, "not_2xx": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(95) / 1000,
    latency:percentile(99) / 1000, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
