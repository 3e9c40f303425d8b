#pragma once
// Arrays of the tables: zeroed, aligned to cache lines, made at start and freed at the end.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <type_traits>

namespace dataplane::sa {

/// Where table memory comes from.
enum class MemorySource : std::uint8_t {
  hugepages,  ///< rte_malloc: EAL runs with hugepages
  ordinary,   ///< mmap: EAL with --no-huge (the process locks its memory), or no EAL at all (tests)
};

/// Zeroed memory aligned to at least 64 octets. Throws std::bad_alloc (start-up only).
[[nodiscard]] void* take_memory(std::size_t octets, MemorySource source);
void give_back_memory(void* memory, std::size_t octets, MemorySource source) noexcept;

/// Key schedules in hugepages. Thread: the manager's.
class KeyMemory final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t octets, std::size_t alignment) override;
  void do_deallocate(void* memory, std::size_t octets, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};
[[nodiscard]] std::pmr::memory_resource& key_memory(MemorySource source) noexcept;

/// A fixed array in table memory. Elements are made by their default constructor and destroyed in no order.
template <class T>
class TableArray {
 public:
  TableArray() = default;
  TableArray(std::size_t size, MemorySource source)
      : elements_(static_cast<T*>(take_memory(size * sizeof(T), source))), size_(size), source_(source) {
    std::uninitialized_default_construct_n(elements_, size_);
  }
  ~TableArray() {
    if (elements_ == nullptr) return;
    std::destroy_n(elements_, size_);
    give_back_memory(elements_, size_ * sizeof(T), source_);
  }
  TableArray(const TableArray&) = delete;
  TableArray& operator=(const TableArray&) = delete;

  [[nodiscard]] T& operator[](std::size_t at) noexcept { return elements_[at]; }
  [[nodiscard]] const T& operator[](std::size_t at) const noexcept { return elements_[at]; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<T> all() noexcept { return {elements_, size_}; }

 private:
  T* elements_ = nullptr;
  std::size_t size_ = 0;
  MemorySource source_ = MemorySource::ordinary;
};

}  // namespace dataplane::sa
