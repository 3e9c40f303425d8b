// Table memory: hugepages through rte_malloc where EAL has them, else pages of the kernel's.

#include "dataplane/sa/memory.hpp"

#include <algorithm>
#include <new>

#include <rte_malloc.h>
#include <sys/mman.h>

namespace dataplane::sa {

void* take_memory(std::size_t octets, MemorySource source) {
  octets = std::max<std::size_t>(octets, 64);
  if (source == MemorySource::hugepages) {
    if (void* memory = rte_zmalloc("tables", octets, 64)) return memory;
    throw std::bad_alloc();
  }
  void* memory = ::mmap(nullptr, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

void give_back_memory(void* memory, std::size_t octets, MemorySource source) noexcept {
  if (source == MemorySource::hugepages)
    rte_free(memory);
  else
    ::munmap(memory, std::max<std::size_t>(octets, 64));
}

void* KeyMemory::do_allocate(std::size_t octets, std::size_t alignment) {
  void* memory = rte_malloc("keys", octets, static_cast<unsigned>(std::max<std::size_t>(alignment, 64)));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void KeyMemory::do_deallocate(void* memory, std::size_t, std::size_t) { rte_free(memory); }

std::pmr::memory_resource& key_memory(MemorySource source) noexcept {
  static KeyMemory hugepages;
  return source == MemorySource::hugepages ? static_cast<std::pmr::memory_resource&>(hugepages)
                                           : *std::pmr::new_delete_resource();
}

}  // namespace dataplane::sa
