-- A review in Neovim with nothing but its own LSP client: `nvim --headless -u NONE -i NONE -n -S tests/editor/neovim/review.lua`.
-- FREEHOLD_PROGRAM names the program. Works in Neovim 0.7 and newer.

local sources = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p:h:h:h')
local story = sources .. '/review/five_hunks/'
local room = vim.fn.tempname()
local workspace = room .. '/work'

--- Far more than anything here takes, also on a machine that compiles on all its cores.
local patience_milliseconds = 90000

local function read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

local function write(path, text)
  vim.fn.mkdir(vim.fn.fnamemodify(path, ':h'), 'p')
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end

local function wait(what, condition)
  if not vim.wait(patience_milliseconds, condition, 20) then
    error('waited in vain until ' .. what, 2)
  end
end

local function equal(found, expected, what)
  if not vim.deep_equal(found, expected) then
    error(string.format('%s: found %s, expected %s', what, vim.inspect(found), vim.inspect(expected)), 2)
  end
end

--- What a buffer would be saved as.
local function buffer_text(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, true), '\n') .. '\n'
end

local client

local function start()
  local id = assert(vim.lsp.start_client({
    name = 'freehold',
    cmd = { vim.env.FREEHOLD_PROGRAM, 'lsp' },
    root_dir = workspace,
    workspace_folders = { { uri = vim.uri_from_fname(workspace), name = 'work' } },
  }))
  client = vim.lsp.get_client_by_id(id)
  wait('the server has started', function()
    return client.initialized
  end)
end

local function open(path)
  vim.cmd('edit ' .. vim.fn.fnameescape(workspace .. '/' .. path))
  local buffer = vim.api.nvim_get_current_buf()
  vim.lsp.buf_attach_client(buffer, client.id)
  return buffer
end

local function hints(buffer)
  return vim.tbl_filter(function(diagnostic)
    return diagnostic.source == 'freehold' and diagnostic.severity == vim.diagnostic.severity.HINT
  end, vim.diagnostic.get(buffer))
end

local function wait_for_hints(buffer, count)
  wait(count .. ' hunks wait in the buffer', function()
    return #hints(buffer) == count
  end)
end

--- Takes a code action at a line, as the user would take it from the menu.
local function act(line, title)
  vim.api.nvim_win_set_cursor(0, { line, 0 })
  local offered
  vim.ui.select = function(items, _, choose)
    offered = vim.tbl_map(function(item)
      return (item.action or item[2]).title
    end, items)
    for index, item in ipairs(items) do
      if offered[index] == title then
        return choose(item, index)
      end
    end
    choose(nil)
  end
  vim.lsp.buf.code_action()
  wait('code actions are offered at line ' .. line, function()
    return offered ~= nil
  end)
  assert(vim.tbl_contains(offered, title), title .. ' is not among ' .. vim.inspect(offered))
  return offered
end

--- Has the server run a command, and sees that it did it.
local function run(command, argument)
  local answer
  client.request('workspace/executeCommand', { command = command, arguments = { argument } }, function(problem, result)
    answer = { problem = problem, result = result }
  end)
  wait(command .. ' is answered', function()
    return answer ~= nil
  end)
  assert(answer.problem == nil, vim.inspect(answer.problem))
  equal(answer.result.applied, true, command .. ' ' .. vim.inspect(answer.result))
end

local function wait_for_text(buffer, expected, what)
  local came = vim.wait(patience_milliseconds, function()
    return buffer_text(buffer) == expected
  end, 20)
  if not came then
    equal(buffer_text(buffer), expected, what)
  end
end

local function propose()
  vim.cmd('cd ' .. vim.fn.fnameescape(workspace))
  local command = { vim.env.FREEHOLD_PROGRAM, 'propose', '--title', 'Tidy the cart and its report' }
  local output = vim.fn.system(command, read(story .. 'proposal.diff'))
  equal(vim.v.shell_error, 0, output)
end

local function replaced(text, old, new)
  local at, to = text:find(old, 1, true)
  assert(at, old)
  return text:sub(1, at - 1) .. new .. text:sub(to + 1)
end

local function tell_the_story()
  local before, after = {}, {}
  for _, path in ipairs({ 'src/cart.py', 'src/report.py' }) do
    before[path] = read(story .. 'before/' .. path)
    after[path] = read(story .. 'after/' .. path)
    write(workspace .. '/' .. path, before[path])
  end
  vim.o.hidden = true
  start()
  local cart = open('src/cart.py')
  propose()
  wait_for_hints(cart, 3)
  equal(buffer_text(cart), before['src/cart.py'], 'nothing undecided is in the buffer')

  local offered = act(1, 'Keep this change')
  for _, title in ipairs({ 'Drop this change', 'Keep all in file', 'Drop all in file', 'Keep all', 'Drop all', 'Show diff' }) do
    assert(vim.tbl_contains(offered, title), title .. ' is not among ' .. vim.inspect(offered))
  end
  wait_for_hints(cart, 2)

  -- Typed between two hunks, while they wait.
  vim.api.nvim_win_set_cursor(0, { 8, 38 })
  vim.cmd('normal! a0')
  local hunk = vim.tbl_filter(function(hint)
    return hint.lnum < 11
  end, hints(cart))[1].user_data.lsp.data
  local edited = '        if amount < 1:\n            raise ValueError("amount must be at least 1, not less")\n'
  run('freehold.editHunk', { hunk = hunk.hunk, digest = hunk.digest, text = edited })
  wait_for_hints(cart, 1)
  act(14, 'Drop this change')
  wait_for_hints(cart, 0)
  wait_for_text(cart, after['src/cart.py'], 'the cart once decided')

  local report = open('src/report.py')
  wait_for_hints(report, 2)
  act(5, 'Keep this change')
  wait_for_hints(report, 1)
  act(9, 'Drop this change')
  wait_for_hints(report, 0)
  vim.cmd('silent wall')
  for path, text in pairs(after) do
    equal(read(workspace .. '/' .. path), text, path .. ' on the disk')
  end

  local typed = replaced(before['src/cart.py'], 'amount=1)', 'amount=10)')
  for _ = 1, 3 do
    run('freehold.undo', vim.empty_dict())
  end
  wait_for_text(report, before['src/report.py'], 'the report undone')
  wait_for_text(cart, typed, 'the cart undone, but for what was typed')
  for _ = 1, 3 do
    run('freehold.redo', vim.empty_dict())
  end
  wait_for_text(report, after['src/report.py'], 'the report done again')
  wait_for_text(cart, after['src/cart.py'], 'the cart done again')
end

local function stop()
  if client then
    client.stop()
    vim.wait(10000, function()
      return client.is_stopped()
    end, 20)
  end
  vim.fn.delete(room, 'rf')
end

assert(vim.env.FREEHOLD_PROGRAM, 'FREEHOLD_PROGRAM names no program')
vim.env.FREEHOLD_HOME = room .. '/home'
vim.env.FREEHOLD_SCRIPT = sources .. '/editor/script.toml'
vim.env.FREEHOLD_IDLE_SECONDS = '5'
vim.fn.mkdir(room .. '/home', 'p')
local passed, problem = xpcall(tell_the_story, debug.traceback)
stop()
if passed then
  io.stdout:write('\nok: five hunks in two files, decided, undone and done again in Neovim\n')
  vim.cmd('qall!')
else
  io.stderr:write(problem .. '\n')
  vim.cmd('cquit 1')
end
